#!/usr/bin/env bash
# Installs a released event-bus for this machine, after its checksum was compared. Nothing is installed otherwise.
#   EVENT_BUS_VERSION   such as 0.1.0; by default the newest release
#   EVENT_BUS_PREFIX    where bin/ is; by default /usr/local for root, ~/.local for others
#   EVENT_BUS_RELEASES  where releases are, for a mirror
# Run twice, it changes nothing.
set -euo pipefail

releases=${EVENT_BUS_RELEASES:-https://github.com/event-bus-bridge/event-bus-bridge/releases}
version=${EVENT_BUS_VERSION:-}
version=${version#v}

fail() {
    echo "install: $*" >&2
    exit 1
}

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
*) fail "there is no binary for $(uname -sm); build it from source" ;;
esac
for tool in curl tar gzip sha256sum; do
    command -v "$tool" >/dev/null || fail "$tool is missing"
done

prefix=${EVENT_BUS_PREFIX:-}
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=${HOME:?}/.local; fi
fi

fetch() {
    curl --fail --silent --show-error --location --retry 3 --connect-timeout 10 --max-time 300 \
        --proto '=https,file' --proto-redir '=https' --tlsv1.2 "$@"
}

if [ -z "$version" ]; then
    newest=$(fetch --output /dev/null --write-out '%{url_effective}' "$releases/latest") ||
        fail "the newest release cannot be found; name one in EVENT_BUS_VERSION"
    version=${newest##*/v}
fi
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+([-.][0-9A-Za-z.-]+)?$ ]] || fail "$version is no version"

name=event-bus-v$version-$target
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for file in "$name.tar.gz" SHA256SUMS; do
    fetch --output "$scratch/$file" "$releases/download/v$version/$file" || fail "cannot fetch $file of $version"
done

# Exactly one line must name the archive. `sha256sum --check` alone is content with an empty list.
expected=$(awk -v name="$name.tar.gz" '$2 == name || $2 == "*" name { print $1 }' "$scratch/SHA256SUMS")
[[ "$expected" =~ ^[0-9a-f]{64}$ ]] || fail "SHA256SUMS does not name $name.tar.gz once"
actual=$(sha256sum "$scratch/$name.tar.gz" | cut -d ' ' -f 1)
[ "$actual" = "$expected" ] || fail "the checksum of $name.tar.gz is wrong: $actual instead of $expected"

# Tried where it will be: programs of /tmp may not be allowed to run.
mkdir -p "$prefix/bin"
new=$(mktemp "$prefix/bin/.event-bus.XXXXXX")
trap 'rm -rf "$scratch" "$new"' EXIT
tar --extract --gzip --to-stdout --file "$scratch/$name.tar.gz" "$name/event-bus" >"$new"
chmod 755 "$new"
found=$("$new" --version) || fail "the binary does not run here"
[ "$found" = "event-bus $version" ] || fail "the archive holds $found"

if cmp --silent "$new" "$prefix/bin/event-bus"; then
    echo "install: $prefix/bin/event-bus is $version already"
else
    # Renamed into place: a running process keeps its old file, and there is never half a one.
    mv "$new" "$prefix/bin/event-bus"
    echo "install: $prefix/bin/event-bus is $version now"
fi
for mode in serve-inbound relay-outbound topic-gateway event-bus-doctor; do
    [ "$(readlink "$prefix/bin/$mode" || true)" = event-bus ] || ln -sfn event-bus "$prefix/bin/$mode"
done
case ":$PATH:" in
*":$prefix/bin:"*) ;;
*) echo "install: $prefix/bin is not in PATH" ;;
esac
