#!/bin/bash
# Unit, integration and attack tests on the other supported releases, each in a folder of its own:
#
#     matrix.sh [trixie] [sid]
#
# SUITES="integration" runs just that, or another suite of make test.
#
# trixie has Mosquitto 2.0.21, sid 2.1; both have yyjson and OpenSSL 3.5 or later, which the
# native run on Debian 12 has not. The folders stay (CHROOTS, build/chroot), with what was
# built in them, so that only the first run takes long. Each line of a suite's output begins
# with its name; the last line counts all of them.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=test/count.sh
. test/count.sh

chroots=${CHROOTS:-build/chroot}

# Prints everything; the counts are the closing line's.
one()
{
	local dir=$chroots/$1 log=$chroots/$1.log status=0
	mkdir -p "$chroots"
	: >"$log"
	test/chroot.sh make "$1" "$dir" || status=$?
	if [ $status = 0 ]; then
		test/chroot.sh sources "$dir"
		# What npm fetched here serves there as well.
		if [ -d build/clients/node_modules ]; then
			mkdir -p "$dir/src/build"
			cp -r --update build/clients "$dir/src/build/"
		fi
		test/chroot.sh run "$dir" sh -euc 'cd /src
			scripts/deps.sh run check >deps.log 2>&1 || { cat deps.log; exit 1; }
			mosquitto -h | head -n 1
			exec /usr/bin/python3 test/all.py "$@"' matrix ${SUITES:-unit integration attack} </dev/null 2>&1 |
			tee "$log" | sed -u "s/^/$1 | /" || status=$?
	fi
	if [ $status = 77 ]; then
		echo "$1 | skipped"
		skipped=$((skipped + 1))
		return
	fi
	add "$log"
}

for suite in "${@:-trixie sid}"; do
	for name in $suite; do one "$name"; done
done
closing
