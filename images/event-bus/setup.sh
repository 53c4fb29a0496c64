#!/usr/bin/env bash
# Makes the secrets once, starts the stack, has the doctor prove it, and says how to go on.
#   ./setup.sh          COMPOSE names the program, such as "podman-compose"; by default what is found
#   ./setup.sh --down   stops the stack and deletes its data; the secrets stay
set -euo pipefail
cd "$(dirname "$0")"

compose() {
    local program=${COMPOSE:-}
    if [ -z "$program" ]; then
        if docker compose version >/dev/null 2>&1; then
            program="docker compose"
        elif command -v podman-compose >/dev/null; then
            program=podman-compose
        else
            echo "setup: neither docker compose nor podman-compose is here; install one, or name it in COMPOSE" >&2
            exit 1
        fi
    fi
    # shellcheck disable=SC2086 # it may be two words
    $program -f compose.yaml ${COMPOSE_OVERRIDE:+-f "$COMPOSE_OVERRIDE"} "$@"
}

# A secret that is there is never replaced, and none is ever printed. The image's user must read them.
make_secret() {
    local file=secrets/$1
    [ -s "$file" ] && return 0
    head -c 36 /dev/urandom | base64 | tr -d '\n' >"$file"
    chmod 644 "$file"
    echo "setup: made $file"
}

case "${1:-}" in
--down)
    compose down --volumes
    echo "setup: stopped; secrets/ stays"
    exit 0
    ;;
"") ;;
*)
    sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac

# The folder keeps others out; its files are mounted one by one, and the user of the image can read them.
mkdir -p secrets
chmod 700 secrets
make_secret github_webhook_secret
make_secret doctor_secret
compose up -d
./scripts/event-bus-doctor.sh
cat <<TEXT

Webhooks are taken at http://127.0.0.1:${BRIDGE_PORT:-8080}/hooks/github. At GitHub, add a webhook with the URL
https://<your address>/hooks/github, the content type application/json, and the secret in $PWD/secrets/github_webhook_secret.
Destinations stand in event-bus.toml; after a change: ${COMPOSE:-docker compose} restart inbound relay
What the first destination gets: ${COMPOSE:-docker compose} logs -f sink
TEXT
