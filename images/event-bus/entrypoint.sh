#!/bin/bash
# The modes of the image. Anything else is run as it is written.
set -euo pipefail

# Where each service answers for its health, unless the environment says otherwise.
inbound_admin=${EVENT_BUS__INBOUND__ADMIN_LISTEN:-0.0.0.0:9080}
outbound_admin=${EVENT_BUS__OUTBOUND__ADMIN_LISTEN:-0.0.0.0:9081}

# Whether the admin listeners that answer are ready, and at least one answers.
health() {
    local answered=0 port status
    for port in "${inbound_admin##*:}" "${outbound_admin##*:}"; do
        if ! { exec 3<>"/dev/tcp/127.0.0.1/$port"; }; then continue; fi
        printf 'GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
        read -r -t 4 _ status _ <&3 || status=none
        exec 3>&-
        answered=1
        if [ "$status" != 200 ]; then
            echo "port $port: $status" >&2
            return 1
        fi
    done 2>/dev/null
    [ "$answered" = 1 ]
}

# The doctor asks only the services that run beside it, so it does not get these.
case "${1:-}" in
serve-inbound | up) export EVENT_BUS__INBOUND__ADMIN_LISTEN="$inbound_admin" ;;&
relay-outbound | up) export EVENT_BUS__OUTBOUND__ADMIN_LISTEN="$outbound_admin" ;;&
serve-inbound | relay-outbound | up | doctor | publish | sink) exec event-bus "$@" ;;
health) health ;;
*) exec "$@" ;;
esac
