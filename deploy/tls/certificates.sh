#!/bin/sh
# The certificate authority of this installation, and a certificate of it for each server, where .env says TLS=true: docs/how-to/encrypt-connections.md.
#   certificates.sh FOLDER   makes what FOLDER lacks and what would end soon, at every start of either mode
# FOLDER has a folder for each service already. FOLDER/ca has the authority and its key, for nobody but this script. FOLDER/NAME is what the server NAME reads: server.crt, server.key, and in trusted/ the
# certificate of the authority; FOLDER/clients has only the last. SERVICES_RUN_AS is the user who reads the services' keys, where that is not who runs this.
set -eu
case ${TLS:-} in
    '') exit ;;
    true) ;;
    *) printf 'certificates.sh: TLS is "%s"; it can be true, or nothing\n' "$TLS" >&2; exit 1 ;;
esac
command -v openssl >/dev/null || { printf 'certificates.sh: there is no openssl here\n' >&2; exit 1; }
folder=${1:?folder}
services=
for name in "$folder"/*/; do
    name=$(basename "$name")
    case $name in ca | clients | postgres | rabbitmq | redis | '*') ;; *) services="$services $name" ;; esac
done
servers="$services postgres rabbitmq"
[ -z "${REDIS:-}" ] || servers="$servers redis"
umask 077
mkdir -p "$folder/ca"
ca=$folder/ca/ca
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# make CERTIFICATE DAYS ARGUMENT...: with the extensions from standard input, and a key beside it. In place last, so that a start that was cut off leaves no half.
make() {
    made=$1 days=$2
    shift 2
    { printf '[req]\nprompt = no\ndistinguished_name = name\n[name]\nO = shop\nCN = %s\n[extensions]\n' "$1"; cat; } >"$work/request.conf"
    shift
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -sha256 -days "$days" -set_serial "0x$(openssl rand -hex 16)" \
        -config "$work/request.conf" -extensions extensions -keyout "$made.key.new" -out "$made.crt.new" "$@" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }
    chmod 644 "$made.crt.new"
    mv "$made.key.new" "$made.key"
    mv "$made.crt.new" "$made.crt"
}

# good CERTIFICATE: there, with its own key, of this authority, and for 90 days more
good() {
    [ -s "$1.crt" ] && openssl x509 -in "$1.crt" -noout -checkend 7776000 >/dev/null 2>&1 && openssl verify -CAfile "$ca.crt" "$1.crt" >/dev/null 2>&1 &&
        [ "$(openssl x509 -in "$1.crt" -noout -pubkey)" = "$(openssl pkey -in "$1.key" -pubout 2>/dev/null)" ]
}

# Whoever trusts this authority trusts it for these names and for no other.
permitted='permitted;IP:127.0.0.1/255.255.255.255,permitted;DNS:localhost'
for name in $services postgres rabbitmq redis; do permitted="$permitted,permitted;DNS:$name"; done

# One that permits what it should: a service that has come since is none of its names.
permits() { permitted_now=$(openssl x509 -in "$ca.crt" -noout -ext nameConstraints); for name in $servers; do printf '%s\n' "$permitted_now" | grep -q "DNS:$name\$" || return 1; done; }

if ! good "$ca" || ! permits; then
    make "$ca" 3650 'certificate authority of this installation' <<TEXT
basicConstraints = critical,CA:true,pathlen:0
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
nameConstraints = critical,$permitted
TEXT
fi

for name in $servers clients; do
    mkdir -p "$folder/$name/trusted"
    cp "$ca.crt" "$folder/$name/trusted/ca.crt"
    chmod 755 "$folder/$name" "$folder/$name/trusted"
    chmod 644 "$folder/$name/trusted/ca.crt"
done

for name in $servers; do
    if ! good "$folder/$name/server"; then
        make "$folder/$name/server" 730 "$name" -CA "$ca.crt" -CAkey "$ca.key" <<TEXT
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:$name,DNS:localhost,IP:127.0.0.1
TEXT
    fi
done
[ -z "${SERVICES_RUN_AS:-}" ] || for name in $services; do chown "$SERVICES_RUN_AS" "$folder/$name/server.key"; done
