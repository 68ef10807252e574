#!/bin/bash
# The example's broker, in a folder that is made where it is not there, on this machine only.
#
#     run.sh FOLDER           makes the files, starts the broker, prints commands to try
#
# PORT names another port than 1893; B the folder with the plugin.
set -euo pipefail
umask 077

here=$(cd "$(dirname "$0")" && pwd)
build=${B:-$here/../../build}
PATH=$PATH:/usr/sbin:/usr/local/sbin

[ $# = 1 ] || { printf 'usage: run.sh FOLDER\n' >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
build=$(cd "$build" && pwd)
[ -e "$folder/access.json" ] || cp "$here/access.json" "$here/house.asyncapi.yaml" "$folder"

# A password for each user of access.json, kept in FOLDER/USER.password.
touch "$folder/passwords"
python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["users"])' "$folder/access.json" |
	tr ' ' '\n' | while read -r user; do
	[ ! -s "$folder/$user.password" ] || continue
	openssl rand -hex 16 >"$folder/$user.password"
	"$build/petstorectl" passwd set --iterations "${ITERATIONS:-210000}" "$folder/passwords" "$user" \
		<"$folder/$user.password" >/dev/null
done

# As root, the broker would become a user who can't read these files.
[ "$(id -u)" != 0 ] || printf 'user root\n' >"$folder/mosquitto.conf.head"
{
	cat "$folder/mosquitto.conf.head" 2>/dev/null || true
	printf 'listener %s 127.0.0.1\n' "${PORT:-1893}"
	sed "s|FOLDER|$folder|g; s|PLUGIN|$build/mosquitto_petstore.so|" "$here/mosquitto.conf"
} >"$folder/mosquitto.conf"

login() { printf -- '-p %s -u %s -P %s -i %s' "${PORT:-1893}" "$1" "$(cat "$folder/$1.password")" "$1"; }
cat <<-END

	Home Assistant sees all, listed or not:
	mosquitto_sub $(login homeassistant) -t '#' -v

	A thermometer may say a temperature, and nothing else:
	mosquitto_pub $(login kitchen) -V 5 -q 1 -t heating/kitchen/temperature -m 21.5
	mosquitto_pub $(login kitchen) -V 5 -q 1 -t heating/kitchen/temperature -m warm

	Zigbee2MQTT goes on as it did:
	mosquitto_pub $(login zigbee2mqtt) -V 5 -q 1 -r -t zigbee2mqtt/lamp -m '{"state":"ON"}'

END
exec mosquitto -c "$folder/mosquitto.conf"
