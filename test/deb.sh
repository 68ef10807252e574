#!/bin/bash
# Installs the Debian package on small systems, uses it, removes and purges it. Closes with
# one line: N passed, N failed.
#
#     deb.sh [SUITE...]     bookworm trixie
#
# The package is $B/mosquitto-petstore_*.deb, as `make deb` built it here. It needs a release
# that is no older than this machine's. The systems' changes are dropped afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=test/count.sh
. test/count.sh
top=$PWD

B=$(realpath "${B:-build}")
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$B"/mosquitto-petstore_*.deb "$work/petstore.deb"
dpkg-deb -x "$work/petstore.deb" "$work/files"
missing() { test/hardened.sh "$work"/files/usr/lib/*/mosquitto_petstore.so "$work/files/usr/bin/petstorectl"; }
is_hardened() { local found; found=$(missing) && echo "$found" && [ -z "$found" ]; }
check "the package is hardened" is_hardened

# What its pages link to is in it.
leads() {
	local pages
	cd "$work/files/usr/share/doc/mosquitto-petstore"
	mapfile -t pages < <(find . -name '*.md')
	[ ${#pages[@]} -gt 10 ] && python3 "$top/test/links.py" "${pages[@]}"
}
check "links of its pages lead somewhere" eval '(leads)'

# Debian's unit with the drop-in, judged by systemd where this machine has both.
unit=/lib/systemd/system/mosquitto.service
exposure() { systemd-analyze security --offline=true --threshold="$1" --root="$work/files" mosquitto.service; }
if command -v systemd-analyze >/dev/null && [ -e $unit ]; then
	cp $unit "$work/files/usr/lib/systemd/system/"
	check "the drop-in fences the broker in" exposure 30
	is_understood() { ! exposure 30 2>&1 | grep -E 'petstore.conf:[0-9]+:'; }
	check "each of its lines is understood" is_understood
else
	skipped=$((skipped + 2)) # systemd or mosquitto is not installed here
fi

on_each deb-inside.sh
closing
