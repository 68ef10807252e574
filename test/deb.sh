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

B=$(realpath "${B:-build}")
chroots=${CHROOTS:-build/chroot}
passed=0 failed=0 skipped=0
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$B"/mosquitto-petstore_*.deb "$work/petstore.deb"
cp test/deb-inside.sh "$work/"

for suite in "${suites[@]}"; do
	status=0
	test/chroot.sh make "$suite" "$chroots/base-$suite" || status=$?
	if [ $status = 0 ]; then
		BIND=$work test/chroot.sh try "$chroots/base-$suite" bash /mnt/deb-inside.sh \
			</dev/null 2>&1 | tee "$work/log" | sed -u "s/^/$suite | /" || status=$?
		counts=$(tail -n 1 "$work/log" | grep -xE '[0-9]+ passed, [0-9]+ failed' ||
			echo "0 passed, 1 failed")
		read -r -a counts <<<"${counts//[!0-9 ]/}"
		passed=$((passed + counts[0]))
		failed=$((failed + counts[1]))
	else
		skipped=$((skipped + 1))
	fi
done
line="$passed passed, $failed failed"
[ $skipped = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ $failed = 0 ]
