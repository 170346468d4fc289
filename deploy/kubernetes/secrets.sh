#!/usr/bin/env bash
# The secrets that secrets.txt lists, for the other end of a pipe: of .env (make secrets), and certificates of an authority of this installation.
#   deploy/kubernetes/secrets.sh | kubectl apply -f -
# The authority and its key stay in .local/kubernetes/tls: keep them, or every service has to trust another one.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../local/lib.sh"
umask 077
load_settings
tls=$STATE/kubernetes/tls
for name in "${SERVICES[@]}" payment-sandbox; do mkdir -p "$tls/$name"; done
TLS=true sh "$ROOT/deploy/tls/certificates.sh" "$tls"

# value_of SECRET KEY: what deploy/env, or a file made above, has for it
value_of() {
    local file line value
    case $1 in
        *-tls | postgres-ca)
            file=${1%-tls} file=${file%-ca}
            case $2 in tls.crt) cat "$tls/$file/server.crt" ;; tls.key) cat "$tls/$file/server.key" ;; ca.crt) cat "$tls/$file/trusted/ca.crt" ;; esac ;;
        postgres-superuser) [ "$2" = username ] && printf postgres || printf %s "$POSTGRES_PASSWORD" ;;
        postgres-roles) printf %s "${!2}" ;;
        rabbitmq-definitions) sh "$ROOT/deploy/rabbitmq/render.sh" ;;
        *)
            file=$ROOT/deploy/env/${1%-migrations}
            case $1 in *-migrations) file=$file.migrations ;; esac
            line=$(cat "$file.env" "$ROOT/deploy/env/common.env" | sed -n "s/^$2=//p" | head -n 1)
            eval "value=\"$line\""
            printf %s "$value" ;;
    esac
}

# head_of KIND NAME [TYPE]
head_of() {
    printf -- '---\napiVersion: v1\nkind: %s\nmetadata: { name: %s, namespace: shop }\n' "$1" "$2"
    [ -z "${3:-}" ] || printf 'type: %s\n' "$3"
    printf 'data:\n'
}

last=
while read -r secret key need; do
    case $secret in '#'* | '') continue ;; esac
    value=$(value_of "$secret" "$key" | base64 | tr -d '\n')
    [ -n "$value" ] || [ "$need" = optional ] || die "There is no value for $key of the secret $secret."
    if [ "$secret" != "$last" ]; then
        case $secret in *-tls) head_of Secret "$secret" kubernetes.io/tls ;; *) head_of Secret "$secret" ;; esac
        last=$secret
    fi
    [ -z "$value" ] || printf '  %s: %s\n' "$key" "$value"
done <"$ROOT/deploy/kubernetes/secrets.txt"
head_of ConfigMap shop-ca
printf '  ca.crt: |\n'
sed 's/^/    /' "$tls/ca/ca.crt"
