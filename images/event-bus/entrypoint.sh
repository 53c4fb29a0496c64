#!/bin/bash
# The modes of the image. Anything else is run as it is written.
set -euo pipefail

# Whether the admin listeners that answer are ready, and at least one answers.
health() {
    local answered=0 variable address port status
    for variable in EVENT_BUS__INBOUND__ADMIN_LISTEN EVENT_BUS__OUTBOUND__ADMIN_LISTEN; do
        address=${!variable:-}
        port=${address##*:}
        if [ -z "$port" ] || ! { exec 3<>"/dev/tcp/127.0.0.1/$port"; }; then continue; fi
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

case "${1:-}" in
serve-inbound | relay-outbound | up | doctor | publish | sink)
    exec event-bus "$@"
    ;;
health) health ;;
*) exec "$@" ;;
esac
