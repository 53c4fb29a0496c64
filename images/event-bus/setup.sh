#!/usr/bin/env bash
# Makes the secrets once, starts the stack, has the doctor prove it, and says how to go on.
#   ./setup.sh                    COMPOSE names the program, such as "podman-compose"; by default what is found
#   ./setup.sh --secrets [NAME…]  makes the secrets only, and further ones of these names
#   ./setup.sh --down             stops the stack; data and secrets stay
#   ./setup.sh --down --volumes   stops the stack and deletes its data; the secrets stay
set -euo pipefail
cd "$(dirname "$0")"

fail() {
    echo "setup: $*" >&2
    exit 1
}
usage() {
    sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

find_compose() {
    if [ -n "${COMPOSE:-}" ]; then
        return
    elif docker compose version >/dev/null 2>&1; then
        COMPOSE="docker compose"
    elif command -v podman-compose >/dev/null; then
        COMPOSE=podman-compose
    else
        fail "neither docker compose nor podman-compose is here; install one, or name it in COMPOSE"
    fi
    export COMPOSE
}
compose() {
    # shellcheck disable=SC2086 # it may be two words
    $COMPOSE -f compose.yaml ${COMPOSE_OVERRIDE:+-f "$COMPOSE_OVERRIDE"} "$@"
}

# A secret that is there is never replaced, and none is ever printed. The image's user must read them.
make_secret() {
    local file=secrets/$1
    if [ -f "$file" ] && [ -s "$file" ]; then return; fi
    [ ! -d "$file" ] || fail "$file is a folder, made by a start without it; remove it"
    head -c 36 /dev/urandom | base64 | tr -d '\n' >"$file"
    chmod 644 "$file"
    echo "setup: made $file"
}

# Waits until a service is connected and serves.
wait_ready() {
    local give_up=$((SECONDS + ${READY_TIMEOUT:-60})) said
    until said=$(compose exec -T "$1" entrypoint.sh health 2>&1); do
        [ "$SECONDS" -lt "$give_up" ] || fail "$1 is not ready: $said"
        sleep 1
    done
}

case "$*" in
"" | --secrets | "--secrets "*) ;;
--down | "--down --volumes")
    find_compose
    compose "${@/#--down/down}"
    echo "setup: stopped; $([ $# = 2 ] && echo "its data is deleted, secrets/ stays" || echo "data and secrets/ stay")"
    exit 0
    ;;
*) usage ;;
esac
for name in "${@:2}"; do
    [[ $name =~ ^[a-z0-9_]+$ ]] || usage
done

# The folder keeps others out; its files are mounted one by one, and the user of the image can read them.
mkdir -p secrets
chmod 700 secrets
make_secret github_webhook_secret
make_secret doctor_secret
for name in "${@:2}"; do make_secret "$name"; done
[ $# = 0 ] || exit 0

# The configuration holds no secrets, and the user of the image reads it.
chmod a+rX config
chmod a+r config/event-bus.toml
find_compose
compose up -d
wait_ready inbound
wait_ready relay
./scripts/event-bus-doctor.sh
cat <<TEXT

Webhooks are taken at http://127.0.0.1:${BRIDGE_PORT:-8080}/hooks/github. At GitHub, add a webhook with the URL
https://<your address>/hooks/github, the content type application/json, and the secret in $PWD/secrets/github_webhook_secret.
Sources and destinations stand in config/event-bus.toml; after a change: $COMPOSE kill -s HUP inbound relay
What the first destination gets: $COMPOSE logs -f sink
TEXT
