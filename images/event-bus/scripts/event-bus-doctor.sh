#!/usr/bin/env bash
# Proves from outside of the containers that the stack does its job. Ends with 0 if each proof holds.
#   COMPOSE         program, such as "podman-compose"; by default what is found
#   BRIDGE_SERVICE  the service that the doctor runs in (inbound)
#   BRIDGE_URL      where webhooks are taken (http://localhost:8080)
#   SECRET_FILE     the secret of the source github (secrets/github_webhook_secret)
#   SUBJECT_PREFIX  begin of the subjects of its events (fleet.repo)
#   READY_TIMEOUT   seconds until the stack must be ready (60)
set -euo pipefail
cd "$(dirname "$0")/.."
BRIDGE_SERVICE=${BRIDGE_SERVICE:-inbound}
BRIDGE_URL=${BRIDGE_URL:-http://localhost:${BRIDGE_PORT:-8080}}
SECRET_FILE=${SECRET_FILE:-secrets/github_webhook_secret}
SUBJECT_PREFIX=${SUBJECT_PREFIX:-fleet.repo}
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

# Prints the status and the body of a webhook with this signature and delivery id.
webhook() {
    curl -sS -m 20 -o - -w '\n%{http_code}' -X POST "$BRIDGE_URL/hooks/github" \
        -H 'Content-Type: application/json' -H 'X-GitHub-Event: ping' \
        -H "X-GitHub-Delivery: $2" -H "X-Hub-Signature-256: $1" --data-binary "$body" 2>&1 || true
}

body='{"zen":"Keep it logically awesome.","doctor":true}'
id="doctor-$(date +%s)-$$"
echo "== 1/4 readiness =="
answer=
for ((left = READY_TIMEOUT; left > 0; left--)); do
    answer=$(webhook sha256=00 "$id" | tail -n 1)
    [ "$answer" = 401 ] && break
    sleep 1
done
if [ "$answer" = 401 ]; then
    pass "$BRIDGE_URL answers"
    pass "a bad signature is refused with 401"
else
    fail "$BRIDGE_URL/hooks/github answers $answer to a bad signature, not 401"
fi

echo "== 2/4 a good signature is stored once =="
# The key goes through a file descriptor, never through the arguments of a process.
signature="sha256=$(python3 -c '
import hashlib, hmac, sys
key = open(sys.argv[1], "rb").read().strip()
print(hmac.new(key, sys.argv[2].encode(), hashlib.sha256).hexdigest())' "$SECRET_FILE" "$body")"
first=$(webhook "$signature" "$id")
again=$(webhook "$signature" "$id")
if [ "$(tail -n 1 <<<"$first")" = 202 ] && grep -q "\"subject\":\"$SUBJECT_PREFIX" <<<"$first"; then
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
if compose exec -T "$BRIDGE_SERVICE" event-bus doctor; then
    pass "the doctor inside finds everything in order"
else
    fail "the doctor inside found what is named above"
fi
exit "$failed"
