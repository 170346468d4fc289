#!/bin/sh
# tls.sh FOLDER/ LISTENER [PORT METRICS_PORT]: the broker's settings for TLS=true on standard output. FOLDER/ has server.crt, server.key and ca.crt; LISTENER is the port, or
# ADDRESS:PORT, for AMQP; PORT that of the management page, METRICS_PORT that of Prometheus' page. Nobody is listened to without TLS, unless there is no PORT: then it
# is there besides.
set -eu
settings() {    # settings PREFIX
    cat <<TEXT
$1.cacertfile = ${folder}ca.crt
$1.certfile = ${folder}server.crt
$1.keyfile = ${folder}server.key
$1.versions.1 = tlsv1.3
$1.versions.2 = tlsv1.2
$1.ciphers.1 = TLS_AES_256_GCM_SHA384
$1.ciphers.2 = TLS_AES_128_GCM_SHA256
$1.ciphers.3 = TLS_CHACHA20_POLY1305_SHA256
$1.ciphers.4 = ECDHE-ECDSA-AES256-GCM-SHA384
$1.ciphers.5 = ECDHE-ECDSA-AES128-GCM-SHA256
TEXT
}
folder=$1
printf 'listeners.ssl.default = %s\n' "$2"
settings ssl_options
[ -n "${3:-}" ] || exit 0
printf 'listeners.tcp = none\nmanagement.ssl.port = %s\n' "$3"
settings management.ssl
printf 'prometheus.ssl.port = %s\n' "$4"
settings prometheus.ssl
