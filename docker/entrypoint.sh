#!/bin/bash
# The image's first process: sees to files and settings, starts mosquitto as its child, and
# passes signals on. SIGHUP reloads contract, accounts and passwords; SIGTERM ends the broker
# after it has kept what it acknowledged.
#
# /mosquitto/config   what is missing is made at the first start: ca.crt, server.crt,
#                     server.key, passwords, credentials (the made passwords, in the clear),
#                     access.json. Files that are mounted there are used as they are, an own
#                     mosquitto.conf too; then nothing is made. conf.d/*.conf is included.
# /mosquitto/data     the database and its journal (256 MiB from the start, or PLUGIN_OPT_JOURNAL_MAX),
#                     the broker's sessions and retained messages
# /mosquitto/log      mosquitto.log, with LOG_DEST=file
#
# TLS_PORT WSS_PORT MTLS_PORT     listeners: MQTT over TLS, websockets, clients with a certificate
# PLAIN_PORT                      plain MQTT, on the container's loopback only
# CONSOLE_PORT                    serves the console there, on all of the container's addresses: publish it as
#                                 127.0.0.1:8080:8080, passwords cross it in the clear. Mosquitto 2.1 has
#                                 websockets at CONSOLE_WS_PORT (the next one), published by the same number
# CONSOLE_BROKERS                 what the console offers to sign in at, as NAME=URL by spaces, or NAME=URL,MQTT with
#                                 the address for programs
# CONSOLE_MQTT                    that of the only one, where the port for TLS is published as another one than
#                                 8883: mqtts://localhost:18883
# SERVER_NAMES                    more names or addresses for a made certificate, by commas
# CONTRACT                        path of another contract
# PLUGIN_OPT_<NAME>               plugin_opt_<name>, e.g. PLUGIN_OPT_BATCH_MS=20
# LOG_DEST                        stderr (default), stdout or file
#
# With arguments, these are run as a command instead.
set -euo pipefail

config=/mosquitto/config
share=/usr/share/mosquitto-petstore

say() { printf 'entrypoint: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# A mosquitto.conf that we made is made anew; any other is the operator's.
is_operators() { [ -e mosquitto.conf ] && ! cmp -s mosquitto.conf .mosquitto.conf.made; }

# PLUGIN_OPT_BATCH_MS=20 as "plugin_opt_batch_ms 20"; the plugin refuses unknown names.
plugin_options()
{
	local name
	for name in "${!PLUGIN_OPT_@}"; do
		printf '%s %s\n' "${name,,}" "${!name}"
	done
}

log_dest()
{
	case ${LOG_DEST:-stderr} in
	stderr | stdout) echo "${LOG_DEST:-stderr}" ;;
	file) echo "file /mosquitto/log/mosquitto.log" ;;
	*) die "LOG_DEST: stderr, stdout or file, not \"$LOG_DEST\"" ;;
	esac
}

make_files()
{
	local is_new='' log options
	[ -w . ] || die "$config is not writable for $(id -u):$(id -g), and has no mosquitto.conf"
	[ -e credentials ] || is_new=1
	log=$(log_dest)
	options=$(plugin_options)
	RUN_DIR=$config DATA_DIR=/mosquitto/data LOG_DEST=$log OPTIONS=$options \
	PLUGIN=$(echo /usr/lib/*/mosquitto_petstore.so) \
	CONTRACT=${CONTRACT:-$share/schemas/petstore.asyncapi.json} \
	ACCESS=$share/access.json EXAMPLE=$share/mosquitto.conf.example CONSOLE_ADDRESS=0.0.0.0 \
		"$share/demo.sh" prepare
	[ ! -d conf.d ] || printf '\ninclude_dir %s/conf.d\n' "$config" >>mosquitto.conf
	cp mosquitto.conf .mosquitto.conf.made
	if [ -n "$is_new" ] && [ -e credentials ]; then
		say "first start: made accounts with random passwords, see $config/credentials"
		[ ! -e ca.key ] ||
			say "first start: made certificates; clients trust $config/ca.crt"
	fi
}

if [ $# -gt 0 ]; then
	exec "$@"
fi

# A signal that comes before mosquitto runs ends us; afterwards it is passed on.
child='' is_interrupted=''
on_signal()
{
	is_interrupted=1
	[ -n "$child" ] || { [ "$1" = HUP ] && return; exit 143; }
	kill -s "$1" "$child" 2>/dev/null || true # it may have ended by itself
}
for signal in HUP TERM INT; do
	# shellcheck disable=SC2064 # the name as it is now
	trap "on_signal $signal" $signal
done

cd $config
# Two brokers must not share a database. The child inherits the lock.
exec 9>/mosquitto/data/.lock
flock -n 9 || die "another container uses this data volume"
if is_operators; then
	say "using $config/mosquitto.conf as it is"
else
	make_files
fi

mosquitto -c $config/mosquitto.conf &
child=$!
status=0
while :; do
	is_interrupted=''
	wait "$child" && status=0 || status=$?
	[ -n "$is_interrupted" ] || break
done
exit "$status"
