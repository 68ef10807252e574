#!/bin/bash
# Runs inside a small Debian system (fresh.sh): from /mnt/petstore.git to a broker that serves.
set -uo pipefail

# shellcheck source=test/count.sh
. /mnt/count.sh

serves()
{
	local i
	for ((i = 0; i < 1800; i++)); do
		grep -q ' running$' /tmp/run.log && return 0
		kill -0 "$make" 2>/dev/null || break
		sleep 0.5
	done
	cat /tmp/run.log
	return 1
}

# Without curl, which a bare system has not.
shows()
{
	local port
	port=$(sed -n 's|.*http://127.0.0.1:\([0-9]*\)/.*|\1|p' /tmp/run.log)
	exec 3<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
	# Longer than its headers by what it is.
	timeout 20 head -c "$(stat -c %s web/console.html)" <&3 | grep -q '^<!doctype html>'
	exec 3>&-
}

# The commands that `make run` prints, as one pastes them.
printed() { grep -E "^  mosquitto_pub .*\"$1\"" /tmp/run.log | head -n 1; }
pasted() { [ -n "$(printed "$1")" ] && bash -c "$(printed "$1")" 2>&1; }
is_accepted() { local out; out=$(pasted PLACED) && [ -z "$out" ]; }
is_refused() { pasted LOST | grep 'Not authorized'; }
ends() { kill "$(cat build/run/mosquitto.pid)" && wait "$make"; }
tests() { make test >/tmp/test.log 2>&1 || { tail -n 300 /tmp/test.log; return 1; }; }

export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null 2>&1
apt-get -qqy --no-install-recommends install git make gcc >/dev/null 2>&1
git clone -q /mnt/petstore.git /petstore && cd /petstore || exit 1
ports

make run TLS_PORT="$tls" WSS_PORT="$wss" MTLS_PORT="$mtls" PLAIN_PORT="$plain" >/tmp/run.log 2>&1 &
make=$!
check "make run serves" serves
check "the address that it prints shows the console" shows
check "the command that it prints works" is_accepted
check "the one that must be refused is" is_refused
check "the broker ends well" ends
if [ -n "${1:-}" ]; then
	check "make test" tests
	grep -aE '^(--- |FAIL  |FAILED|skipped |[0-9]+ passed)' /tmp/test.log | sed 's/^/make test: /'
fi
closing
