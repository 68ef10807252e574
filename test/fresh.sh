#!/bin/bash
# Two commands in a newcomer's place: clones the last commit on small Debian systems that have
# git, make and gcc and nothing else, and runs `make run` there. Closes with one line: N
# passed, N failed.
#
#     fresh.sh [SUITE...]     bookworm trixie
#
# FULL=1 runs `make test` there as well, which takes long; its last line is shown.
set -euo pipefail
cd "$(dirname "$0")/.."

chroots=${CHROOTS:-build/chroot}
passed=0 failed=0 skipped=0
suites=("$@")
[ $# -gt 0 ] || suites=(bookworm trixie)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git clone -q --bare . "$work/petstore.git"
cp test/fresh-inside.sh "$work/"

for suite in "${suites[@]}"; do
	status=0
	test/chroot.sh make "$suite" "$chroots/base-$suite" || status=$?
	if [ $status != 0 ]; then
		skipped=$((skipped + 1))
		continue
	fi
	BIND=$work test/chroot.sh try "$chroots/base-$suite" bash /mnt/fresh-inside.sh "${FULL:-}" \
		</dev/null 2>&1 | tee "$work/log" | sed -u "s/^/$suite | /" || true
	counts=$(tail -n 1 "$work/log" | grep -xE '[0-9]+ passed, [0-9]+ failed' ||
		echo "0 passed, 1 failed")
	read -r -a counts <<<"${counts//[!0-9 ]/}"
	passed=$((passed + counts[0]))
	failed=$((failed + counts[1]))
done
line="$passed passed, $failed failed"
[ $skipped = 0 ] || line="$line, $skipped skipped"
echo "$line"
[ $failed = 0 ]
