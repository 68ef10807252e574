#!/bin/sh
# Waits for the end of its input, that is of the test which started it, however that ends. Then those
# processes end that have the folder $1 as their PETSTORE_CONSOLE_TEST, as all have that the test
# started, and the folder goes.
set -u
trap '' INT TERM HUP
unset TMPDIR
cat >/dev/null

# Pids of those that live.
left()
{
	grep -lszx "PETSTORE_CONSOLE_TEST=$1" /proc/[0-9]*/environ | sed 's|^/proc/||; s|/environ$||'
}

for signal in TERM KILL KILL; do
	pids=$(left "$1")
	[ -n "$pids" ] || break
	# shellcheck disable=SC2086 # words
	kill -s "$signal" $pids 2>/dev/null
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "$(left "$1")" ] || break
		sleep 0.2
	done
done
rm -rf "$1" 2>/dev/null || { sleep 1; rm -rf "$1"; }
