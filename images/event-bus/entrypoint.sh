#!/bin/bash
# The modes of the image. Anything else is run as it is written.
set -euo pipefail

# The configuration is where it is mounted by default, if there is one.
default=/etc/event-bus/event-bus.toml
if [ -z "${EVENT_BUS_CONFIG+set}" ] && [ -f "$default" ]; then export EVENT_BUS_CONFIG=$default; fi

# Where each service answers for its health, unless the environment says otherwise.
inbound_admin=${EVENT_BUS__INBOUND__ADMIN_LISTEN:-0.0.0.0:9080}
outbound_admin=${EVENT_BUS__OUTBOUND__ADMIN_LISTEN:-0.0.0.0:9081}
topics_admin=${EVENT_BUS__TOPICS__ADMIN_LISTEN:-0.0.0.0:9082}

# Whether the service behind an admin listener is ready; if not, why.
ready() {
    local status=
    if ! { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then
        echo "port $1: no answer" >&2
        return 1
    fi
    printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
    read -r -t 4 _ status _ <&3 || true
    exec 3>&-
    [ "$status" = 200 ] || { echo "port $1: ${status:-no answer}" >&2; return 1; }
}

# Whether what runs in this container is ready. Its first process says which mode that is.
health() {
    local word mode='' failed=0
    while read -r -d '' word; do
        case $word in serve-inbound | relay-outbound | topic-gateway | up)
            mode=$word
            break
            ;;
        esac
    done </proc/1/cmdline
    case $mode in
    serve-inbound | up) ready "${inbound_admin##*:}" || failed=1 ;;&
    relay-outbound | up) ready "${outbound_admin##*:}" || failed=1 ;;
    topic-gateway) ready "${topics_admin##*:}" || failed=1 ;;
    "")
        echo "no service runs in this container" >&2
        failed=1
        ;;
    esac
    return "$failed"
}

# The doctor asks only the services that run beside it, so it does not get these.
case "${1:-}" in
serve-inbound | up) export EVENT_BUS__INBOUND__ADMIN_LISTEN="$inbound_admin" ;;&
relay-outbound | up) export EVENT_BUS__OUTBOUND__ADMIN_LISTEN="$outbound_admin" ;;&
topic-gateway) export EVENT_BUS__TOPICS__ADMIN_LISTEN="$topics_admin" ;;&
serve-inbound | relay-outbound | topic-gateway | up | doctor | publish | sink) exec event-bus "$@" ;;
health) health ;;
*) exec "$@" ;;
esac
