# The commands of the project; there is nothing else to learn. Settings: .env.example.
# MODE=docker or MODE=local chooses how things run; without it, a Docker engine that answers decides.
SHELL := bash
.DEFAULT_GOAL := help
# What bash would run before any script of ours, and what cd would print.
unexport BASH_ENV ENV CDPATH
.PHONY: help up observe secrets demo test bench chaos fuzz chaos-mutants service release rename stop kill start failover down clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## all set-up, then every service started and healthy
	@deploy/up.sh

observe: ## the same, and telemetry beside it: traces, logs, metrics, alerts; until make down
	@deploy/observe.sh

secrets: ## random passwords and secrets into .env, where it has none of its own
	@deploy/secrets.sh

demo: ## the main job, live: four real orders through the saga (starts everything first)
	@deploy/demo.sh

test: ## all set-up, then every test; ends with "N passed, N failed, N skipped"
	@deploy/test.sh

bench: ## the load benchmark; writes .local/reports/bench.json
	@deploy/bench.sh

chaos: ## faults injected, guarantees checked; writes .local/reports/chaos.json
	@deploy/chaos.sh

fuzz: ## requests and messages that nobody has thought of, and the same guarantees
	@REQUESTS=$${REQUESTS:-100000} MESSAGES=$${MESSAGES:-20000} ORDERS=$${ORDERS:-300} FAULTS=$${FAULTS:-0} REPLICAS=$${REPLICAS:-1} deploy/chaos.sh

chaos-mutants: ## bugs planted, to see that chaos finds them
	@deploy/chaos-mutants.sh

failover: ## the database's server is killed, and its copy (POSTGRES_REPLICA) takes over
	@deploy/failover.sh

service: ## a new service from the template: make service NAME=loyalty
	@deploy/new-service.sh "$(NAME)"

release: ## what a tag names, built, packed and listed: make release TAG=v1.2.3
	@deploy/release.sh

stop: ## one of them, gracefully: make stop SERVICE=inventory
	@deploy/service.sh stop "$(SERVICE)"

kill: ## the same as a crash does it (kill -9)
	@deploy/service.sh kill "$(SERVICE)"

start: ## and back again
	@deploy/service.sh start "$(SERVICE)"

down: ## stop everything
	@deploy/down.sh

clean: ## stop everything and drop its data
	@deploy/down.sh --clean

rename: ## the whole system under another name, before its first message: make rename NAME=Acme
	@deploy/rename.sh "$(NAME)"
