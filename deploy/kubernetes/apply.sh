#!/usr/bin/env bash
# An overlay onto the cluster that kubectl speaks to, in the order in which nothing is interrupted: apply.sh OVERLAY
# What is neither a service nor its migration, then the migrations to their end, then the services. Those of before run on meanwhile, on the schema that they know.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../local/lib.sh"
overlay=${1:-}
folder=$ROOT/deploy/kubernetes/overlays/$overlay
[ -n "$overlay" ] && [ -f "$folder/kustomization.yaml" ] || die "Which overlay? deploy/kubernetes/apply.sh production" "There are: $(cd "$ROOT/deploy/kubernetes/overlays" && echo *)"
has kubectl || die "kubectl is missing."
all=$(mktemp)
trap 'rm -f "$all"' EXIT
kubectl kustomize "$folder" >"$all"

step "Secrets"
missing=
while IFS= read -r secret; do
    kubectl get secret "$secret" --namespace shop --output name >/dev/null 2>&1 || missing="$missing $secret"
done < <(sed -n '/^[a-z]/s/ .*//p' "$ROOT/deploy/kubernetes/secrets.txt" | sort -u | if [ -d "$folder" ] && grep -q sandboxes "$folder/kustomization.yaml"; then cat; else grep -v '^payment-sandbox'; fi)
[ -z "$missing" ] || die "The cluster has no secrets of these names in the namespace shop:$missing" \
    "kubectl apply -f deploy/kubernetes/base/namespace.yaml; deploy/kubernetes/secrets.sh | kubectl apply -f - makes them of .env."

step "What the services stand on"
kubectl apply --filename "$all" --selector 'app.kubernetes.io/component notin (service, migrations)'

step "Migrations"
# A job cannot be changed, and one that has ended brings nothing up to date.
kubectl delete job --namespace shop --selector app.kubernetes.io/component=migrations --ignore-not-found --wait
kubectl apply --filename "$all" --selector app.kubernetes.io/component=migrations
kubectl wait --namespace shop --for=condition=complete job --selector app.kubernetes.io/component=migrations --timeout="${MIGRATIONS_TIMEOUT:-30m}"

step "Services"
kubectl apply --filename "$all"
kubectl rollout status deployment --namespace shop --selector app.kubernetes.io/component=service --timeout=10m
ok "$overlay is rolled out"
