#!/usr/bin/env bash
# make up CLUSTER=1, in the mode of MODE: the demo ends well, a replica of each service and a node of the broker are killed, and it does so again; then all are back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
killed=(users-1 orders-2 inventory-1 notifications-2 "${NODE:-rabbitmq-3}")

make --no-print-directory up CLUSTER=1
make --no-print-directory demo
for each in "${killed[@]}"; do make --no-print-directory kill SERVICE="$each"; done
# Nobody says again that it is a cluster: it is one until make clean.
make --no-print-directory demo
for each in "${killed[@]}"; do make --no-print-directory start SERVICE="$each"; done
make --no-print-directory demo
