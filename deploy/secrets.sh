#!/usr/bin/env bash
# make secrets: a random value into .env for every password and secret that has none of its own there. What is set stays as it is.
# For an installation without data: what was sealed with the secrets of development cannot be read with others.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/local/lib.sh"
umask 077
file=$ROOT/.env

# set_in_env NAME: whether .env gives it a value
set_in_env() { [ -f "$file" ] && grep -Eq "^[[:space:]]*(export[[:space:]]+)?$1=['\"]?[^'\"[:space:]]" "$file"; }

# add NAME VALUE: in place of a line without a value, which would win otherwise
add() {
    { [ ! -f "$file" ] || grep -Ev "^[[:space:]]*(export[[:space:]]+)?$1=" "$file" || true; printf '%s=%s\n' "$1" "$2"; } >"$file.new"
    mv "$file.new" "$file"
}

# The limits of development are those of load tests, and there everything stays on one machine.
for_production() {
    local setting
    for setting in TLS=true RATE_LIMIT_PERMITS=600 RATE_LIMIT_COSTLY_PER_MINUTE=60 RATE_LIMIT_CONCURRENT=100; do
        set_in_env "${setting%%=*}" || add "${setting%%=*}" "${setting#*=}"
    done
}

random() { od -An -N 24 -t x1 /dev/urandom | tr -d ' \n'; }

written=()
while IFS= read -r name; do
    set_in_env "$name" || written+=("$name")
done < <(sed -nE 's/^([A-Z_]+_(PASSWORD|SECRET))=.+/\1/p' "$ROOT/.env.example")

if [ ${#written[@]} -gt 0 ]; then
    [ ! -e "$STATE/mode" ] || die "There is data here that was made with other secrets, and that none but those can open." \
        "For a new installation: make clean, then make secrets."
    for name in "${written[@]}"; do add "$name" "$(random)"; done
    ok "random values in .env for: ${written[*]}"
else
    ok ".env has a value for every password and secret"
fi
for_production
[ "$(stat -c %a "$file" 2>/dev/null || stat -f %Lp "$file")" = 600 ] || { chmod 600 "$file"; ok ".env is for its owner only now"; }

cat <<TEXT

The operator signs in with the OPERATOR_PASSWORD of .env. With ASPNETCORE_ENVIRONMENT=Production in .env the services refuse whatever is for development only,
and say which variable. Secrets are no longer among it; what remains to be set is somebody else's system or yours to decide:

  PAYMENTS_BASE_URL, PAYMENTS_API_KEY        a payment provider with a live key
  SMTP_HOST, SMTP_PORT, SMTP_TLS             a mail server with TLS
  WEBHOOKS_ALLOW_PRIVATE_NETWORKS=false
TEXT
