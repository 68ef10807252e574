#!/bin/sh
# Sees to it that what the build needs is installed.
#
#     deps.sh run     what `make run` needs
#     deps.sh test    what `make test` needs in addition
#     deps.sh ship    what the tests of image, package, page, shells and other releases need; they are
#                     skipped without
#     deps.sh package what `make deb` needs in addition
#     deps.sh docs    what `make docs` needs in addition
#     deps.sh check   the part of it that unit and integration tests need
#     deps.sh cluster what `make run-cluster` needs in addition
#     deps.sh bench   what `make bench` needs to measure all of it
#
# Several lists may be named. Debian and its kin: missing packages are installed when we are
# root, and named when we are not. Elsewhere: what is missing is named. Costs nothing, and
# needs no network, when all is there.
set -eu

# "name" is a package; "name=command" one that is not needed where the command exists (it may
# have come another way); "?name" one that is taken where the release has it.
RUN="gcc libc6-dev make pkg-config=pkg-config openssl mosquitto mosquitto-clients
	mosquitto-dev libmosquitto-dev libjansson-dev libyaml-dev libsqlite3-dev libssl-dev libpcre2-dev
	libidn2-dev zlib1g-dev libpq-dev ?libyyjson-dev sqlite3=sqlite3"
CHECK="libcmocka-dev binutils python3 python3-paho-mqtt python3-pytest
	python3-jsonschema python3-yaml libpaho-mqtt-dev g++ nodejs=node postgresql python3-psycopg2
	haproxy=haproxy"
TEST="$CHECK
	clang=clang libclang-rt-dev clang-format=clang-format
	npm=npm ca-certificates prometheus=promtool shellcheck=shellcheck groff-base=groff
	prometheus-node-exporter=prometheus-node-exporter python3-prometheus-client"
PACKAGE="dpkg-dev=dpkg-buildflags binutils"
DOCS="nodejs=node npm=npm ca-certificates"
CLUSTER="haproxy=haproxy postgresql"
BENCH="python3 python3-paho-mqtt python3-jsonschema python3-fastjsonschema valgrind=valgrind"
SHIP="chromium=chromium ?firefox-esr buildah=buildah debootstrap=debootstrap zsh=zsh fish=fish $PACKAGE"

# The same, where there is no dpkg to ask.
RUN_COMMANDS="cc make pkg-config openssl mosquitto mosquitto_passwd mosquitto_sub sqlite3"
RUN_LIBRARIES="jansson yaml-0.1 sqlite3 libcrypto libpcre2-8 libidn2 zlib libpq"
RUN_HEADERS="mosquitto.h mosquitto_broker.h mosquitto_plugin.h"
TEST_COMMANDS="nm python3 clang clang-format node npm"
TEST_LIBRARIES="cmocka"
TEST_MODULES="paho.mqtt.client pytest"

say() { printf 'deps: %s\n' "$*" >&2; }

# The packages of @list that are not installed, optional ones left out.
missing_of()
{
	wanted=
	for entry in $1; do
		case $entry in
		\?*) continue ;;
		*=*) command -v "${entry#*=}" >/dev/null 2>&1 && continue ;;
		esac
		wanted="$wanted ${entry%%=*}"
	done
	[ -n "$wanted" ] || return 0
	# shellcheck disable=SC2086 # a list of words
	installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
		sed -n 's/ installed$//p' || true)
	for name in $wanted; do
		printf '%s\n' "$installed" | grep -qxF "$name" || printf '%s ' "$name"
	done
}

# The optional ones of @list that the release has and that are not installed.
optional_of()
{
	for entry in $1; do
		case $entry in \?*) ;; *) continue ;; esac
		name=${entry#\?}
		dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null |
			grep -qx installed && continue
		apt-cache show "$name" >/dev/null 2>&1 && printf '%s ' "$name"
	done
	return 0
}

# A release whose index has expired (an archived one) still installs.
update()
{
	apt-get update -q || apt-get update -q -o Acquire::Check-Valid-Until=false
}

# mosquitto's package starts the service when it is installed, on the port that we want; those of
# postgresql and haproxy start theirs, which nobody asked for.
no_services()
{
	[ -e /usr/sbin/policy-rc.d ] && return 0
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 1' HUP INT TERM
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod 755 /usr/sbin/policy-rc.d
}

apt_install()
{
	missing=$(missing_of "$1")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "missing; please run: sudo apt-get install $missing"
		return 1
	fi
	say "installing $missing"
	export DEBIAN_FRONTEND=noninteractive
	update
	no_services
	# shellcheck disable=SC2046,SC2086 # lists of words
	apt-get install -qy --no-install-recommends $missing $(optional_of "$1")
}

# Where there is no apt: names what is missing, in words.
look()
{
	lacking=
	for command in $1; do
		command -v "$command" >/dev/null 2>&1 || lacking="$lacking $command"
	done
	for library in $2; do
		pkg-config --exists "$library" 2>/dev/null || lacking="$lacking $library"
	done
	for header in $3; do
		printf '#include <stdio.h>\n#include <stdbool.h>\n#include <%s>\n' "$header" |
			cc -E - >/dev/null 2>&1 || lacking="$lacking <$header>"
	done
	for module in $4; do
		"${PYTHON:-python3}" -c "import $module" 2>/dev/null || lacking="$lacking python:$module"
	done
	[ -z "$lacking" ] && return 0
	say "please install, with your system's package manager, what provides:$lacking"
	return 1
}

packages=
for list in "${@:-run}"; do
	case $list in
	run) packages="$packages $RUN" ;;
	test) packages="$packages $TEST" ;;
	check) packages="$packages $CHECK" ;;
	package) packages="$packages $PACKAGE" ;;
	docs) packages="$packages $DOCS" ;;
	bench) packages="$packages $BENCH" ;;
	cluster) packages="$packages $CLUSTER" ;;
	ship) packages="$packages $SHIP" ;;
	*) say "unknown list: $list (run, test, check, package, docs, ship, bench, cluster)"; exit 2 ;;
	esac
done

if command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1; then
	apt_install "$packages"
else
	for list in "${@:-run}"; do
		case $list in
		run) look "$RUN_COMMANDS" "$RUN_LIBRARIES" "$RUN_HEADERS" "" ;;
		cluster) look "haproxy pg_config setpriv" "" "" "" ;;
		test | check) look "$TEST_COMMANDS" "$TEST_LIBRARIES" "" "$TEST_MODULES" ;;
		esac
	done
fi
