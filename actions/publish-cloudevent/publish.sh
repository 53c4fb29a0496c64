#!/usr/bin/env bash
# Publishes one CloudEvent from a workflow, straight to NATS or through POST /events.
# publish-cloudevent.yml holds the same text, since a reusable workflow brings no files along;
# `scripts/check-workflows --write` copies it there.
# Whatever comes from outside is in an environment variable or a file, and nothing of it is evaluated.
set -euo pipefail
export LC_ALL=C # lengths are in bytes
umask 077

work=$(mktemp -d "${RUNNER_TEMP:-/tmp}/publish-cloudevent.XXXXXX")
trap 'rm -rf "$work"' EXIT

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

# One annotation, whatever the text holds.
annotate() {
    local text=$2
    text=${text//'%'/%25}
    text=${text//$'\r'/%0D}
    text=${text//$'\n'/%0A}
    printf '::%s title=CloudEvent::%s\n' "$1" "$text"
}

# Ends the step as the caller wants it.
give_up() {
    output published false
    if [ "${ON_FAILURE:-fail}" = warn ]; then
        annotate warning "not published: $1"
        exit 0
    fi
    annotate error "not published: $1"
    exit 1
}

# Shows a file of which a stranger may have written a part: the runner obeys none of it.
show() {
    local mark
    mark=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
    printf '::stop-commands::%s\n' "$mark"
    cat "$1"
    printf '\n::%s::\n' "$mark"
}

# `fleet.` and the type without `com.` and the vendor, as one plain subject.
subject_of_type() {
    local kind=$1
    if [[ $kind =~ ^com\.[^.]*\.(.+)$ ]]; then kind=${BASH_REMATCH[1]}; fi
    kind=fleet.${kind//[^A-Za-z0-9_.-]/_}
    while [[ $kind == *..* ]]; do kind=${kind//../.}; done
    kind=${kind:0:200}
    printf '%s' "${kind%.}"
}

# Copies the data to one file: the payload of the run's own event, a file, or text.
take_data() {
    local file=${EVENT_DATA_FILE:-}
    if [ -n "${EVENT_ARTIFACT:-}" ]; then file=$RUNNER_TEMP/event-data; fi
    if [ "${EVENT_PAYLOAD:-false}" = true ]; then file=$GITHUB_EVENT_PATH; fi
    if [ -z "$file" ]; then
        printf '%s' "${EVENT_DATA:-}" >"$work/data"
        return
    fi
    if [ -n "${EVENT_DATA:-}" ]; then give_up "there is data twice: as text and from a file"; fi
    if [ -d "$file" ]; then
        local files
        mapfile -d '' files < <(find "$file" -type f -print0)
        if [ "${#files[@]}" != 1 ]; then give_up "the artifact has ${#files[@]} files instead of one"; fi
        file=${files[0]}
    fi
    if [ ! -f "$file" ]; then give_up "there is no file with the data"; fi
    cat <"$file" >"$work/data"
}

# Each part behind its length, so that no two events make the same text.
hash_of_event() {
    local part
    {
        for part in "$EVENT_TYPE" "$source" "$subject"; do printf '%d:%s,' "${#part}" "$part"; done
        printf '%d:' "$(wc -c <"$work/data")"
        cat "$work/data"
        part=${EVENT_KEY:-}
        printf ',%d:%s,' "${#part}" "$part"
    } | sha256sum | cut -c 1-16
}

settings=()
setting() {
    export "$1=$2"
    settings+=(--env "$1")
}

# How to reach NATS. Secrets go into files that only this step's user can read.
reach_bus() {
    setting EVENT_BUS__BUS__URL "$BUS_URL"
    if [ "${BUS_PLAINTEXT:-false}" != true ]; then setting EVENT_BUS__BUS__TLS__REQUIRED true; fi
    if [ -n "${BUS_CA:-}" ]; then
        printf '%s\n' "$BUS_CA" >"$work/ca"
        setting EVENT_BUS__BUS__TLS__CA "$work/ca"
    fi
    local name
    for name in CREDENTIALS PASSWORD TOKEN; do
        local value=BUS_$name
        if [ -z "${!value:-}" ]; then continue; fi
        printf '%s\n' "${!value}" >"$work/$name"
        setting "EVENT_BUS__BUS__${name}__FILE" "$work/$name"
    done
    if [ -n "${BUS_USER:-}" ]; then
        if [[ ! $BUS_USER =~ ^[A-Za-z0-9_.@-]+$ ]]; then give_up "the name of the user is not plain"; fi
        setting EVENT_BUS__BUS__USER "'$BUS_USER'"
    fi
}

# How to reach an inbound.
reach_inbound() {
    if [ "$chosen" = true ]; then
        give_up "through POST /events the inbound chooses the subject (inbound.events.subject); leave it empty"
    fi
    if [[ $BUS_URL != https://* && ${BUS_PLAINTEXT:-false} != true ]]; then
        give_up "the URL is not https, which only 'plaintext' allows"
    fi
    # The command itself repeats here.
    pauses=(none)
    way=("--to=$BUS_URL")
    if [ -n "${BUS_TOKEN:-}" ]; then
        printf '%s\n' "$BUS_TOKEN" >"$work/TOKEN"
        way+=("--token-file=$work/TOKEN")
    fi
    if [ -n "${BUS_CA:-}" ]; then
        printf '%s\n' "$BUS_CA" >"$work/ca"
        setting SSL_CERT_FILE "$work/ca"
    fi
}

# The command of this machine if it has one, else that of the image.
event_bus() {
    if command -v event-bus >/dev/null; then
        event-bus "$@"
    else
        docker run --rm --read-only --network host --user "$(id -u):$(id -g)" \
            --volume "$work:$work:ro" "${settings[@]}" "$IMAGE" "$@"
    fi
}

if [ -z "${EVENT_TYPE:-}" ]; then give_up "the type is empty"; fi
if [ -z "${BUS_URL:-}" ]; then give_up "the URL of NATS or of POST /events is empty"; fi
source=${EVENT_SOURCE:-$GITHUB_SERVER_URL/$GITHUB_REPOSITORY}
subject=${EVENT_SUBJECT:-}
chosen=true
if [ -z "$subject" ]; then
    chosen=false
    subject=$(subject_of_type "$EVENT_TYPE")
fi
take_data
id=$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT-$(hash_of_event)
output id "$id"

pauses=(2 5 none)
case $BUS_URL in
    http://* | https://*) reach_inbound ;;
    *)
        way=("--nats-subject=$subject")
        reach_bus
        ;;
esac
unset BUS_CREDENTIALS BUS_PASSWORD BUS_TOKEN

# Repeating is harmless: the id is the same, and the stream keeps one.
for pause in "${pauses[@]}"; do
    status=0
    event_bus publish --json "--type=$EVENT_TYPE" "--source=$source" "--id=$id" "--data-file=$work/data" \
        --timeout=30s "${way[@]}" >"$work/answer" 2>"$work/errors" || status=$?
    # 64: bad settings or a refused event, which no repetition mends.
    if [ "$status" = 0 ] || [ "$status" = 64 ] || [ "$pause" = none ]; then break; fi
    sleep "$pause"
done
if [ "$status" != 0 ]; then
    show "$work/errors"
    hint=
    if [ "${BUS_PLAINTEXT:-false}" != true ] && grep -q '^event-bus: the bus at .* cannot be reached' "$work/errors"; then
        hint=$'\nTLS is required; `plaintext: true` allows a connection without it, `ca` an authority of your own'
    fi
    give_up "$(head -c 500 "$work/errors")$hint"
fi
answer=$(cat "$work/answer")
if [[ ! $answer =~ \"seq\":([0-9]+),\"duplicate\":(true|false)\} ]]; then give_up "the answer cannot be read"; fi
sequence=${BASH_REMATCH[1]} duplicate=${BASH_REMATCH[2]}
if [[ $answer =~ \"subject\":\"([A-Za-z0-9_.-]+)\" ]]; then subject=${BASH_REMATCH[1]}; fi
output sequence "$sequence"
output subject "$subject"
output duplicate "$duplicate"
output published true
echo "event $id has sequence $sequence"
