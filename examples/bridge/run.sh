#!/bin/bash
# Two brokers with the plugin and a bridge between them, in a folder that is made where it is not there.
#
#     run.sh FOLDER           makes the files, starts both, and ends both when it is ended
#     run.sh FOLDER prepare   makes the files only
#
# SHOP_PORT and OFFICE_PORT name other ports than 8893 and 8894; B the folder with the plugin.
set -euo pipefail
umask 077

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${B:-$top/build}
shop_port=${SHOP_PORT:-8893}
office_port=${OFFICE_PORT:-8894}
PATH=$PATH:/usr/sbin:/usr/local/sbin

[ $# -ge 1 ] || { printf 'usage: run.sh FOLDER [prepare]\n' >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)

# @1.crt and @1.key of our authority, for this machine.
certificate()
{
	[ -s "$folder/$1.crt" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 825 \
		-subj "/CN=localhost" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
		-addext "basicConstraints=critical,CA:FALSE" \
		-CA "$folder/ca.crt" -CAkey "$folder/ca.key" \
		-keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
}

authority()
{
	[ -s "$folder/ca.crt" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
		-subj "/CN=Bridge example CA" -addext "keyUsage=critical,keyCertSign,cRLSign" \
		-keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null
}

# A password for user @2 of the broker @1, kept in @1/@2.password; none is made for local users.
password()
{
	local file=$folder/$1/$2.password
	[ -s "$file" ] && return
	openssl rand -hex 16 >"$file"
	touch "$folder/$1/passwords"
	"$build/petstorectl" passwd set "$folder/$1/passwords" "$2" <"$file" >/dev/null
}

# @1's configuration, with what run.sh knows filled in.
configuration()
{
	: >"$folder/$1/mosquitto.conf"
	[ -e "$folder/$1/access.json" ] || cp "$here/access-$1.json" "$folder/$1/access.json"
	# As root, the broker would become a user who can't read these files.
	[ "$(id -u)" != 0 ] || printf 'user root\n' >"$folder/$1/mosquitto.conf"
	sed -e "s|FOLDER|$folder|g; s|PLUGIN|$build/mosquitto_petstore.so|" \
		-e "s|CONTRACT|$top/schemas/petstore.asyncapi.json|" \
		-e "s|SHOP_PORT|$shop_port|; s|OFFICE_PORT|$office_port|" \
		-e "s|PASSWORD|$(cat "$folder/head-office/shop.password")|" \
		"$here/$1.conf" >>"$folder/$1/mosquitto.conf"
}

commands()
{
	cat <<-END

	Head office takes an order, and the shop's till sees it:

	mosquitto_sub --cafile $folder/ca.crt -p $shop_port -u till -P $(cat "$folder/shop/till.password") -i till -t 'orders/#' -v

	mosquitto_pub --cafile $folder/ca.crt -p $office_port -u backoffice -P $(cat "$folder/head-office/backoffice.password") -i backoffice -q 1 -r -t orders/o-1/status -m '{"orderId":"o-1","status":"PLACED","userId":"ann","updatedAt":"$(date -u +%FT%TZ)"}'

	$build/petstorectl list events --database $folder/shop/petstore.db --json

	END
}

mkdir -p "$folder/shop" "$folder/head-office"
authority
certificate shop
certificate head-office
password head-office shop
password head-office backoffice
password shop till
configuration shop
configuration head-office
[ "${2:-}" != prepare ] || exit 0
commands
mosquitto -c "$folder/head-office/mosquitto.conf" & office=$!
mosquitto -c "$folder/shop/mosquitto.conf" & shop=$!
trap 'kill $office $shop 2>/dev/null' EXIT
wait
