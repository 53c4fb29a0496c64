#!/usr/bin/env bash
# Proves from outside of the containers that the stack does its job. Ends with 0 if each proof holds.
# It sends as the built-in source event-bus-doctor, whose events no route sees.
#   COMPOSE         program, such as "podman-compose"; by default what is found
#   BRIDGE_SERVICE  the service that the doctor runs in (inbound)
#   BRIDGE_URL      where webhooks are taken (http://localhost:8080)
#   SECRET_FILE     the secret of the doctor (secrets/doctor_secret)
#   SUBJECT_PREFIX  begin of the subjects of its events (doctor)
#   READY_TIMEOUT   seconds until the stack must be ready (60)
set -euo pipefail
cd "$(dirname "$0")/.."
BRIDGE_SERVICE=${BRIDGE_SERVICE:-inbound}
BRIDGE_URL=${BRIDGE_URL:-http://localhost:${BRIDGE_PORT:-8080}}
SECRET_FILE=${SECRET_FILE:-secrets/doctor_secret}
SUBJECT_PREFIX=${SUBJECT_PREFIX:-doctor}
READY_TIMEOUT=${READY_TIMEOUT:-60}
COMPOSE=${COMPOSE:-$(docker compose version >/dev/null 2>&1 && echo docker compose || echo podman-compose)}

failed=0
pass() { echo "[PASS] $*"; }
fail() {
    echo "[FAIL] $*"
    failed=1
}
compose() {
    # shellcheck disable=SC2086 # it may be two words
    $COMPOSE -f compose.yaml ${COMPOSE_OVERRIDE:+-f "$COMPOSE_OVERRIDE"} "$@"
}

# Prints the body and the status of what is answered to an event with this signature.
webhook() {
    curl -sS -m 20 -o - -w '\n%{http_code}' -X POST "$BRIDGE_URL/hooks/event-bus-doctor" \
        -H 'Content-Type: application/json' -H "Event-Bus-Doctor-Run: $run" \
        -H "Event-Bus-Doctor-Id: $id" -H "Event-Bus-Doctor-Signature: $1" --data-binary "$body" 2>&1 || true
}

body='{"doctor":true}'
run="outside-$(date +%s)-$$"
id="$run-1"
echo "== 1/4 readiness =="
give_up=$((SECONDS + READY_TIMEOUT))
until answer=$(webhook 00 | tail -n 1) && [ "$answer" = 401 ]; do
    [ "$SECONDS" -lt "$give_up" ] || break
    sleep 1
done
if [ "$answer" = 401 ]; then
    pass "$BRIDGE_URL answers"
    pass "a bad signature is refused with 401"
else
    fail "$BRIDGE_URL/hooks/event-bus-doctor answers $answer to a bad signature, not 401"
fi

echo "== 2/4 a good signature is stored once =="
# The key goes through a file descriptor, never through the arguments of a process.
signature="$(python3 -c '
import hashlib, hmac, sys
key = open(sys.argv[1], "rb").read().strip()
print(hmac.new(key, sys.argv[2].encode(), hashlib.sha256).hexdigest())' "$SECRET_FILE" "$run.$id.$body")"
first=$(webhook "$signature")
again=$(webhook "$signature")
if [ "$(tail -n 1 <<<"$first")" = 202 ] && grep -q "\"subject\":\"$SUBJECT_PREFIX\." <<<"$first"; then
    pass "a good signature is answered 202"
else
    fail "a good signature is answered: $first"
fi
if grep -q '"duplicate":true' <<<"$again"; then
    pass "the same delivery is known again"
else
    fail "the same delivery is answered: $again"
fi

echo "== 3/4 and 4/4 the bus, and retries and dead letters, from inside =="
if compose exec -T "$BRIDGE_SERVICE" entrypoint.sh doctor; then
    pass "the doctor inside finds everything in order"
else
    fail "the doctor inside found what is named above"
fi
exit "$failed"
