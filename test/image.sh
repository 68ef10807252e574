#!/bin/bash
# Builds the container image without a container engine, runs it as one would, and tries it
# from outside. Closes with one line: N passed, N failed.
#
#     image.sh [SUITE]     the Debian release under it; trixie
#
# The base image comes from debootstrap, buildah builds (chroot isolation, docker format). The
# image runs in namespaces of its own with the image's user, environment, entry point and
# health check, a read-only root and no capabilities, as docker/compose.yaml runs it: its
# first process is process 1. Its network is this machine's.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=test/count.sh
. test/count.sh

suite=${1:-trixie}
B=$(realpath -m "${B:-build}")
base=localhost/petstore-base:$suite
image=localhost/petstore:$suite

skip() { echo "image: $*"; skipped=1; closing; exit; }

# ---- building ---------------------------------------------------------------------------

command -v buildah >/dev/null || skip "buildah is not installed"
chroots=${CHROOTS:-build/chroot}
test/chroot.sh make "$suite" "$chroots/base-$suite" || skip "no base to build on"

work=$(mktemp -d)
container='' outer='' inner=''
cleanup()
{
	[ -z "$outer" ] || kill_it
	[ -z "$container" ] || $BUILDAH rm "$container" >/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

driver=overlay
BUILDAH="buildah --root $B/containers --runroot $B/containers.run --storage-driver"
$BUILDAH $driver images >/dev/null 2>&1 || driver=vfs
export BUILDAH="$BUILDAH $driver" BUILDAH_ISOLATION=chroot
$BUILDAH rm --all >/dev/null # of builds that failed; the store is ours alone

if ! $BUILDAH inspect --type image "$base" >/dev/null 2>&1; then
	# What slim images leave out as well.
	tar -C "$chroots/base-$suite" --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' \
		--exclude='./usr/share/locale/*' --exclude='./var/lib/apt/lists/*' \
		--exclude='./var/cache/*' --exclude='./var/log/*' --exclude='./dev/*' \
		--exclude='./debootstrap' --exclude='./src' -cf "$work/base.tar" .
	container=$($BUILDAH from scratch)
	$BUILDAH add -q "$container" "$work/base.tar" / >/dev/null
	$BUILDAH commit -q --format docker "$container" "$base" >/dev/null
	$BUILDAH rm "$container" >/dev/null
	container=''
	rm "$work/base.tar"
fi
# The stage with the tools has a name, so that it stays for the next run; the rest does not.
{ docker/image.sh "$image-tools" "$base" tools && docker/image.sh "$image" "$base"; } \
	>"$B/image.log" 2>&1 ||
	{ tail -n 30 "$B/image.log"; echo "0 passed, 1 failed"; exit 1; }
$BUILDAH rmi --prune >/dev/null
container=$($BUILDAH from "$image")
root=$($BUILDAH mount "$container")

config() { $BUILDAH inspect --type image --format "{{$1}}" "$image"; }
size() { $BUILDAH images --format '{{.Size}}' "$1"; }

# ---- running ----------------------------------------------------------------------------

user=$(config .Docker.Config.User)
ids=$(awk -F : -v name="$user" '$1 == name { print $3, $4 }' "$root/etc/passwd")
read -r uid gid <<<"$ids"
mapfile -t environment < <(config 'range .Docker.Config.Env}}{{println .}}{{end' | grep '=')
mapfile -t entry < <(config 'range .Docker.Config.Entrypoint}}{{println .}}{{end' | grep .)
mapfile -t health < <(config 'range .Docker.Config.Healthcheck.Test}}{{println .}}{{end' | sed 1d | grep .)
as_user=(setpriv --reuid="$uid" --regid="$gid" --clear-groups --bounding-set=-all
	--no-new-privs env -i)
ports

volume() # name: an empty one, as an engine makes it
{
	mkdir -p "$work/$1"/{config,data,log,metrics}
	cp -a "$root/mosquitto/." "$work/$1/"
}

# Starts the image on volume @1 with more variables; $outer is its sandbox, $inner its first
# process.
start()
{
	local volume=$work/$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child bash -euc '
		root=$1 volume=$2
		shift 2
		mount --bind "$root" "$root"
		for name in config data log metrics; do
			mount --bind "$volume/$name" "$root/mosquitto/$name"
		done
		mount -t proc proc "$root/proc"
		mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
		mount --bind /dev "$root/dev"
		mount -o remount,ro,bind "$root"
		exec chroot "$root" "$@"
	' run "$root" "$volume" "${as_user[@]}" "${environment[@]}" TLS_PORT="$tls" WSS_PORT="$wss" \
		MTLS_PORT="$mtls" PLAIN_PORT="$plain" "$@" "${entry[@]}" >"$volume/out" 2>&1 &
	outer=$!
	inner=''
	until_true first_process
}

first_process() { { inner=$(pgrep -P "$outer" | head -n 1) && [ -n "$inner" ]; } || ended; } # or it was short

until_true() # at most 30 s
{
	local i
	for ((i = 0; i < 300; i++)); do
		"$@" && return 0
		sleep 0.1
	done
	return 1
}

said() { grep -qE "$2" "$work/$1/out"; }                # volume, pattern
is_up() { until_true said "$1" 'mosquitto version .* running' || { tail "$work/$1/out"; return 1; }; }
ended() { ! kill -0 "$outer" 2>/dev/null; }

# Process 1 takes all others with it. (Its parent does not: setpriv drops that tie.)
kill_it()
{
	kill -9 "$inner" "$outer" 2>/dev/null || true
	wait "$outer" 2>/dev/null || true
	outer=''
}

stop() # prints nothing; the status is the container's
{
	local status=0
	kill -TERM "$inner"
	until_true ended || return 1
	wait "$outer" || status=$?
	outer=''
	return $status
}

run_health() # more variables
{
	nsenter --target "$inner" --mount --pid --root -- "${as_user[@]}" "${environment[@]}" \
		PLAIN_PORT="$plain" "$@" "${health[@]}"
}

is_sick() # what the check says, more variables
{
	local said status=0
	said=$(run_health "${@:2}" 2>&1) || status=$?
	echo "$said"
	[ $status != 0 ] && grep -qxF -e "$1" <<<"$said"
}

# ---- clients outside --------------------------------------------------------------------

password() { sed -n "s/^$1 //p" "$work/one/config/credentials"; }

client() # program, user, arguments
{
	local program=$1 user=$2
	shift 2
	timeout 20 "$program" -h localhost -p "$tls" --cafile "$work/one/config/ca.crt" -V 5 \
		-u "$user" -P "$(password "$user")" -q 1 "$@"
}

order() # id, status
{
	client mosquitto_pub orders-service -t "orders/$1/status" \
		-m "{\"orderId\":\"$1\",\"status\":\"$2\",\"userId\":\"customer-a\",\"updatedAt\":\"2026-01-15T10:30:00Z\"}" 2>&1
}

is_known_by_certificate() # device
{
	local clients=$work/one/config/clients out
	out=$(timeout 20 mosquitto_pub -h localhost -p "$mtls" --cafile "$work/one/config/ca.crt" \
		--cert "$clients/$1.crt" --key "$clients/$1.key" -V 5 -q 1 -t "pets/$1/availability" \
		-m "{\"petId\":\"$1\",\"available\":true,\"updatedAt\":\"2026-01-15T10:30:00Z\"}" 2>&1) &&
		[ -z "$out" ]
}

is_refused() { order "$@" | grep -q 'Not authorized'; }
is_accepted() { local out; out=$(order "$@") && [ -z "$out" ]; }

arrives()
{
	client mosquitto_sub customer-a -t 'orders/+/status' -C 1 -W 15 >"$work/received" &
	local subscriber=$!
	until_true said one 'customer-a' && sleep 0.5
	is_accepted "$1" PLACED && wait $subscriber && grep -q "\"orderId\":\"$1\"" "$work/received"
}

rows() { /usr/bin/python3 -c '
import sqlite3, sys
for row in sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True).execute(
        "SELECT id, status FROM orders ORDER BY id"): print(*row)' "$work/one/data/petstore.db"; }
kept() { [ "$(rows | tr '\n' ' ')" = "$1" ]; }
count_is() { [ "$(grep -c "$2" "$work/one/out")" = "$1" ]; }

# ---- the image --------------------------------------------------------------------------

check "the health check is in the image" test "${health[*]}" = petstore-health
check "it does not run as root" test "$uid" = 1883
# shellcheck disable=SC2016 # the template's own names
check "volumes as in the official image" test "$(config 'range $k, $v := .Docker.Config.Volumes}}{{$k}} {{end')" = \
	"/mosquitto/config /mosquitto/data /mosquitto/log "
ports_of() { config 'range $k, $v := .Docker.Config.ExposedPorts}}{{$k}} {{end'; }
check "its listeners are exposed" test "$(ports_of)" = "8084/tcp 8883/tcp 8884/tcp "
check "it is labelled" test "$(config 'index .Docker.Config.Labels "org.opencontainers.image.title"')" = mosquitto-petstore
tools() { find "$root/usr" -path '*bin/*' | grep -E '/([^/]*-)?(cc|gcc|clang|make|ld|as|python3|sqlite3|gdb)[-0-9.]*$'; }
check "no compiler, no test tool" not tools
check "no headers" test ! -e "$root/usr/include/stdio.h"

check "Compose takes compose.yaml, and it fits the image" env B="$B" test/compose.sh "$chroots/base-$suite"

# ---- the first start --------------------------------------------------------------------

volume one
start one
check "it starts with nothing given" is_up one
check "it says where the passwords are" said one 'random passwords, see /mosquitto/config/credentials'
check "its first process is the entry point" grep -q petstore-entrypoint "/proc/$inner/cmdline"
check "mosquitto is its child, not root's" test "$(ps -o user:20=,comm= --ppid "$inner" | tr -s ' ' || true)" = "1883 mosquitto"
check "it is healthy" run_health
check "an order arrives over TLS" arrives ord-1
check "a certificate stands for its device" is_known_by_certificate collar-7
check "a revoked one does not" not is_known_by_certificate collar-8
check "what breaks the contract is refused" is_refused ord-1 LOST
check "the orders are kept" until_true kept "ord-1 PLACED "

kill -HUP "$inner"
check "SIGHUP reloads" until_true said one 'petstore: reloaded contract'
cp -p "$work/one/config/access.json" "$work/access.json"
echo '{' >"$work/one/config/access.json"
kill -HUP "$inner"
check "a bad file is reported" until_true said one 'access.json'
cp -p "$work/access.json" "$work/one/config/access.json"
check "and changes nothing" is_accepted ord-2 PLACED

check "a second broker on its data is refused" not env outer= inner= bash -c "
	cd '$work/one/data' && exec 9>.lock && flock -n 9"
check "SIGTERM ends it with status 0" stop
check "what was acknowledged is kept" kept "ord-1 PLACED ord-2 PLACED "
check "no console was served" not grep -E '^(http_dir|protocol http_api)' "$work/one/config/mosquitto.conf"

# ---- the same volume again --------------------------------------------------------------

mv "$work/one/out" "$work/first"
start one CONSOLE_PORT="$http" PLUGIN_OPT_BATCH_MS=20 PLUGIN_OPT_METRICS_FILE=/mosquitto/metrics/petstore.prom LOG_DEST=file
check "it starts again" until_true grep -q ' running' "$work/one/log/mosquitto.log"
check "the log is in the volume" test -s "$work/one/log/mosquitto.log"
check "nothing is made twice" not said one 'first start'
check "the option came through" grep -qx 'plugin_opt_batch_ms 20' "$work/one/config/mosquitto.conf"
check "the orders are still there" kept "ord-1 PLACED ord-2 PLACED "
check "an order goes on from where it stood" is_accepted ord-1 APPROVED
check "and not from elsewhere" is_refused ord-2 DELIVERED
check "it is still healthy" run_health
shows() { /usr/bin/python3 -c 'import sys, urllib.request
sys.exit(urllib.request.urlopen(sys.argv[1], timeout=20).read() != open(sys.argv[2], "rb").read())' "$@"; }
check "the console is served where it was asked for" shows "http://127.0.0.1:$http/" web/console.html
check "and says where to sign in" grep -q '"ws://127.0.0.1:' "$work/one/config/console/brokers.json"
check "and where programs connect" grep -q '"mqtt": "mqtts://localhost:' "$work/one/config/console/brokers.json"
check "metrics are in the volume" until_true grep -q ^petstore_ "$work/one/metrics/petstore.prom"
kill_it
start one
check "it starts after a kill" is_up one
check "nothing acknowledged is lost" until_true kept "ord-1 APPROVED ord-2 PLACED "
check "it stops" stop

# ---- what operators bring ---------------------------------------------------------------

volume two
cp "$work/one/config"/{server.crt,server.key,ca.crt,passwords,access.json} "$work/two/config/"
chown "$uid:$gid" "$work/two/config"/*
before=$(sha256sum "$work/two/config"/* | cut -d ' ' -f 1)
start two
check "mounted certificates and accounts are taken" is_up two
check "and left as they are" test "$before" = \
	"$(cd "$work/two/config" && sha256sum access.json ca.crt passwords server.crt server.key | cut -d ' ' -f 1)"
check "and no others are made" test ! -e "$work/two/config/credentials"
check "clients log in with them" client mosquitto_pub monitor -t x -m x -q 0
check "health says what it lacks" is_sick "no password for monitor: set HEALTH_USER and HEALTH_PASSWORD_FILE"
check "it stops" stop

start two PLUGIN_OPT_BATCH_MSS=20
check "an unknown option stops it" until_true ended
check "and it says which" said two 'plugin_opt_batch_mss: there is no such option; did you mean "batch_ms"?'
wait "$outer" || true
outer=''

volume three
printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n' "$plain" >"$work/three/config/mosquitto.conf"
start three
check "an own mosquitto.conf is used as it is" is_up three
check "and nothing is made" test "$(ls -A "$work/three/config")" = mosquitto.conf
three=(HEALTH_USER=x HEALTH_PASSWORD_FILE=/mosquitto/config/mosquitto.conf)
# shellcheck disable=SC2016 # topics
check "a broker without the plugin is not healthy" is_sick \
	'$SYS/broker/petstore/version did not arrive' "${three[@]}"
# shellcheck disable=SC2016
check "though it would be, for another topic" run_health "${three[@]}" 'HEALTH_TOPIC=$SYS/broker/version'
check "it stops" stop

echo "image $(size "$image") on a base of $(size "$base")"
closing
