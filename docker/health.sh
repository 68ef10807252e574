#!/bin/bash
# Healthy: a client logs in over MQTT and receives what the plugin itself says on $SYS, which
# no broker without it does.
#
#     HEALTH_TOPIC              what must arrive; with plugin_opt_sys_interval 0 another
#     HEALTH_USER               who asks; needs read:sys. His password is looked up in
#     HEALTH_PASSWORD_FILE      this file, or else in the credentials of the first start
#     HEALTH_ARGS               where the broker is, for mosquitto_sub
set -euo pipefail

topic=${HEALTH_TOPIC:-\$SYS/broker/petstore/version}
user=${HEALTH_USER:-monitor}
credentials=/mosquitto/config/credentials

if [ -n "${HEALTH_PASSWORD_FILE:-}" ]; then
	password=$(head -n 1 "$HEALTH_PASSWORD_FILE")
elif [ -r $credentials ]; then
	password=$(sed -n "s/^$user //p" $credentials)
else
	echo "no password for $user: set HEALTH_USER and HEALTH_PASSWORD_FILE" >&2
	exit 1
fi

# By file, so that the password is on no command line.
XDG_CONFIG_HOME=$(mktemp -d)
export XDG_CONFIG_HOME
trap 'rm -rf "$XDG_CONFIG_HOME"' EXIT
printf -- '-u %s\n-P %s\n' "$user" "$password" >"$XDG_CONFIG_HOME/mosquitto_sub"

# shellcheck disable=SC2086 # a list of arguments
mosquitto_sub ${HEALTH_ARGS:--h 127.0.0.1 -p ${PLAIN_PORT:-1883}} -V 5 -t "$topic" -C 1 -W 5 ||
	{ echo "$topic did not arrive" >&2; exit 1; }
