#!/bin/bash
# A broker to try things on: makes certificates, accounts and a configuration in RUN_DIR
# where there are none yet, prints commands to paste, and becomes mosquitto.
#
#     demo.sh            all of it
#     demo.sh prepare    files only
#     demo.sh console    the console's files alone, and console.conf, its listeners; prints its port
#
# In RUN_DIR, kept for the next run:
#     ca.crt ca.key                 the authority that clients trust
#     server.crt server.key         for localhost, this host's name and SERVER_NAMES
#     clients/collar-7.crt .key     a device's certificate, for the listener that asks for one
#     clients/collar-8.crt .key     another's, which is revoked
#     ca.crl                        the authority's list of what is revoked
#     credentials                   "user password" a line, of the demo accounts
#     passwords access.json         what the plugin reads; access.yaml where ACCESS is YAML
#     petstore.db                   orders, payments, events
#     console/                      the console's page, which broker it asks, and ca.crt, at every run; see below
#     mosquitto.conf                derived anew from mosquitto.conf.example at every run
#     mosquitto.pid                 for kill -HUP
#
# RUN_DIR/extra.conf, if there is one, has settings of the operator's own: its lines go into
# mosquitto.conf before the first listener, in place of the lines that have the same first word.
#
# CONSOLE_PORT=8080 serves the console at http://127.0.0.1:8080/; "any": at the first port from 8080 on that is free;
# nothing: nowhere. Mosquitto 2.1 needs a second port, for websockets: CONSOLE_WS_PORT, or the first
# free one after it. CONSOLE_ADDRESS is another address to listen at, CONSOLE_BROKERS what the page
# offers to sign in at, as NAME=URL or URL by spaces; behind a URL and a comma the address for programs,
# mqtts://HOST:PORT or mqtt://HOST:PORT. CONSOLE_MQTT is that of the only one, if it is not our port for TLS.
# CONSOLE_DIR holds its files elsewhere than in RUN_DIR.
#
# Who is a user, petstorectl says; it is looked for beside the plugin, in build/ and where it is installed with this
# script.
#
# What the operator put there is left alone: each key; a ca.crt that ca.key did not make; a server.crt of
# another authority, or without our authority's key beside it; passwords without credentials; an access.json
# that is not the shipped one. An access file that lacks a demo account gets no password for it.
set -euo pipefail
umask 077

top=$(cd "$(dirname "$0")/.." && pwd)
run=${RUN_DIR:-$top/build/run}
data=${DATA_DIR:-$run} # where the database and the broker's sessions lie
tls_port=${TLS_PORT:-8883}
wss_port=${WSS_PORT:-8084}
mtls_port=${MTLS_PORT:-8884}
plain_port=${PLAIN_PORT:-1883}
plugin=${PLUGIN:-$top/build/mosquitto_petstore.so}
shipped=$top/schemas/petstore.asyncapi.json
contract=${CONTRACT:-$shipped}
access=${ACCESS:-$top/docker/access.json}
example=${EXAMPLE:-$top/mosquitto.conf.example}
server_names=${SERVER_NAMES:-} # more names or addresses of this server, by commas
log_dest=${LOG_DEST:-stderr}
console_port=${CONSOLE_PORT:-}
console_ws_port=${CONSOLE_WS_PORT:-}
console_address=${CONSOLE_ADDRESS:-127.0.0.1}
console_dir=${CONSOLE_DIR:-}
console_page=${CONSOLE_PAGE:-$top/web/console.html}
[ -n "${CONSOLE_PAGE:-}" ] || [ -e "$console_page" ] ||
	console_page=$(cd "$(dirname "$0")" && pwd)/console/index.html # installed
options=${OPTIONS:-}           # lines behind the plugin's, in place of those of the same name

authority="Petstore demo CA"
accounts="backoffice orders-service payments-service inventory-service
	customer-a customer-b collar-7 monitor supervisor"
devices="collar-7 collar-8"
revoked="collar-8"
authority_days=3650
rounds=${PASSWORD_ROUNDS:-210000} # that derive the key of a password
certificate_days=825 # the most that some clients accept

die() { printf 'demo: %s\n' "$*" >&2; exit 1; }

# The path of petstorectl.
tool()
{
	local each
	for each in "${plugin%/*}/petstorectl" "$top/build/petstorectl" "$top/../bin/petstorectl"; do
		[ ! -x "$each" ] || { printf '%s' "$each"; return 0; }
	done
	die "no petstorectl beside $plugin; build it with make"
}

absolute() { case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac; }

# ---- certificates -----------------------------------------------------------------------

# Is certificate @1 there with its key @2, of our authority, and good for another day?
is_good()
{
	[ -s "$1" ] && [ -s "$2" ] &&
		openssl verify -CAfile ca.crt "$1" >/dev/null 2>&1 &&
		openssl x509 -noout -checkend 86400 -in "$1" >/dev/null 2>&1
}

# Is ca.crt the certificate of ca.key? Who brings an authority leaves its key at home.
is_our_authority()
{
	local public
	[ -s ca.crt ] && [ -s ca.key ] && public=$(openssl pkey -in ca.key -passin pass: -pubout 2>/dev/null) &&
		[ "$(openssl x509 -noout -pubkey -in ca.crt 2>/dev/null)" = "$public" ]
}

# Did our authority sign server.crt, however long ago?
is_ours_signed()
{
	[ -s server.crt ] && is_our_authority &&
		openssl verify -no_check_time -CAfile ca.crt server.crt >/dev/null 2>&1
}

# Makes @1.crt, and @1.key where there is none: section @2, common name @3, @4 days, the rest to
# openssl. What comes into the folder is complete, so that an interrupted run starts over.
issue()
{
	local base=$1 section=$2 name=$3 days=$4
	shift 4
	[ -s "$base.key" ] ||
		{ openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$work/new.key" \
			2>"$work/openssl.log" && mv "$work/new.key" "$base.key"; } ||
		die "openssl: $(tail -n 1 "$work/openssl.log")"
	openssl req -x509 -config "$work/openssl.cnf" -extensions "$section" -subj "/CN=$name" \
		-key "$base.key" -passin pass: -days "$days" "$@" \
		-out "$work/new.crt" 2>"$work/openssl.log" ||
		die "$PWD/$base.key: no certificate can be made for this key: $(tail -n 1 "$work/openssl.log")"
	chmod 644 "$work/new.crt"
	mv "$work/new.crt" "$base.crt"
}

alternative_names()
{
	local name names="DNS:localhost,IP:127.0.0.1,IP:::1"
	for name in $(uname -n) ${server_names//,/ }; do
		if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then
			names+=",IP:$name"
		elif [[ $name =~ ^[A-Za-z0-9._-]+$ ]]; then
			names+=",DNS:$name"
		else
			die "not a host name or address: $name"
		fi
	done
	printf '%s' "$names"
}

certificates()
{
	local device
	[ -s server.crt ] && [ ! -e ca.key ] && return 0
	if [ -s ca.crt ] && ! is_our_authority; then
		[ -s server.crt ] && [ -s server.key ] && return 0
		die "$PWD/ca.crt is not of our making: put server.crt and server.key beside it, or take it away"
	fi
	SAN=$(alternative_names)
	export SAN
	cat >"$work/openssl.cnf" <<-END
	[req]
	distinguished_name = name
	[name]
	[authority]
	basicConstraints = critical, CA:TRUE
	keyUsage = critical, keyCertSign, cRLSign
	subjectKeyIdentifier = hash
	[server]
	basicConstraints = critical, CA:FALSE
	keyUsage = critical, digitalSignature
	extendedKeyUsage = serverAuth
	subjectAltName = \$ENV::SAN
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	[client]
	basicConstraints = critical, CA:FALSE
	keyUsage = critical, digitalSignature
	extendedKeyUsage = clientAuth
	subjectKeyIdentifier = hash
	authorityKeyIdentifier = keyid
	[ca]
	default_ca = demo
	[demo]
	database = index.txt
	default_md = sha256
	END
	is_good ca.crt ca.key || issue ca authority "$authority" "$authority_days"
	if [ -s server.crt ] && ! is_ours_signed; then
		: # the operator's: neither it nor its key can be made again
	elif ! is_good server.crt server.key || [ "$SAN" != "$(cat server.names 2>/dev/null)" ]; then
		issue server server localhost "$certificate_days" -CA ca.crt -CAkey ca.key
		printf '%s' "$SAN" >server.names
	fi
	mkdir -p clients
	for device in $devices; do
		is_good "clients/$device.crt" "clients/$device.key" ||
			issue "clients/$device" client "$device" "$certificate_days" \
				-CA ca.crt -CAkey ca.key
	done
	is_list_good || revoke
}

# Is the list there, in force, ours, and are the revoked devices on it?
is_list_good()
{
	local device
	[ -s ca.crl ] && openssl verify -crl_check -CAfile ca.crt -CRLfile ca.crl \
		clients/collar-7.crt >/dev/null 2>&1 || return 1
	for device in $revoked; do
		[[ $(openssl verify -crl_check -CAfile ca.crt -CRLfile ca.crl \
			"clients/$device.crt" 2>&1) == *"certificate revoked"* ]] || return 1
	done
}

revoke()
{
	local device
	(
		cd "$work"
		: >index.txt
		set -- -config openssl.cnf -cert ../ca.crt -keyfile ../ca.key
		for device in $revoked; do
			openssl ca "$@" -revoke "../clients/$device.crt"
		done
		openssl ca "$@" -gencrl -crldays "$certificate_days" -out new.crl
		chmod 644 new.crl
	) >"$work/openssl.log" 2>&1 || die "openssl: $(tail -n 1 "$work/openssl.log")"
	mv "$work/new.crl" ca.crl
}

# ---- accounts ---------------------------------------------------------------------------

# Is @1 a demo account that the access file does not have?
is_left_out() { [[ $accounts =~ (^|[[:space:]])"$1"($|[[:space:]]) ]] && ! grep -qxF -e "$1" "$work/users"; }

# A random password for each demo account of the access file that has none; accounts of the
# operator's own stay. A demo account that is no user goes: "default" would let it in.
passwords()
{
	local user
	[ -s passwords ] && [ ! -e credentials ] && return 0
	touch credentials passwords
	for user in $accounts; do
		if is_left_out "$user"; then
			! grep -q "^$user " credentials || ! grep -q "^$user:" passwords || sed -i "/^$user:/d" passwords
		elif ! grep -q "^$user " credentials; then
			printf '%s %s\n' "$user" "$(openssl rand -hex 12)" >>credentials
		fi
	done
	: >"$work/new"
	while read -r user password; do
		! is_left_out "$user" || continue
		# Twice, as at a terminal: an argument could be seen by all, and -U knows no rounds.
		grep -q "^$user:" passwords || printf '%s\n%s\n' "$password" "$password" |
			mosquitto_passwd -H sha512-pbkdf2 -I "$rounds" "$work/new" "$user" >/dev/null
	done <credentials
	[ -s credentials ] || rm credentials
	[ -s "$work/new" ] || return 0
	cat passwords "$work/new" >"$work/all"
	mv "$work/all" passwords
}

# Ours until somebody edits it: then it stays as it is. A name says which format a file has.
roles()
{
	local petstorectl
	petstorectl=$(tool)
	case $access in
	*.yaml | *.yml) access_copy=access.yaml ;;
	*) access_copy=access.json ;;
	esac
	if [ ! -e "$access_copy" ] || cmp -s "$access_copy" .access.shipped; then
		"$petstorectl" may --access "$access" >"$work/users" || exit 1 # its own name, and nothing is changed
		cp "$access" "$work/access"
		mv "$work/access" "$access_copy"
		cp "$access_copy" .access.shipped
	else
		"$petstorectl" may --access "$PWD/$access_copy" >"$work/users" || exit 1
	fi
}

# ---- the console ------------------------------------------------------------------------

# "2.0" or "2.1" and what came after: which listeners serve files.
release()
{
	case $(mosquitto -h 2>/dev/null | head -n 1) in
	*" version 2.0"*) echo 2.0 ;;
	*) echo 2.1 ;;
	esac
}

# The first port from @1 on that nobody has and that is none of ours.
free_port()
{
	local port=$1
	while is_taken "$port" || is_ours "$port"; do
		port=$((port + 1))
		[ "$port" -lt $(($1 + 100)) ] || die "no free port from $1 on; choose one with CONSOLE_PORT="
	done
	echo "$port"
}

is_ours() { [[ " $tls_port $wss_port $mtls_port $plain_port $console_port " == *" $1 "* ]]; }

console_ports()
{
	console_release=$(release)
	[ "$console_port" != any ] || console_port=$(free_port 8080)
	[ "$console_release" != 2.0 ] || console_ws_port=
	[ "$console_release" = 2.0 ] || [ -n "$console_ws_port" ] ||
		console_ws_port=$(free_port $((console_port + 1)))
}

# 2.1 may be built without what serves files.
has_http()
{
	[ "$(release)" != 2.0 ] || return 0
	printf 'listener 8080 127.0.0.1\nprotocol http_api\n' >"$work/probe.conf"
	mosquitto -c "$work/probe.conf" --test-config >/dev/null 2>&1
}

# "NAME=URL,MQTT URL" as the page reads it.
brokers_json()
{
	local each separator='' name url mqtt
	printf '{"brokers": ['
	for each in $1; do
		[[ $each =~ ^(([A-Za-z0-9._-]+)=)?(wss?://[][A-Za-z0-9._:/-]+)(,(mqtts?://[][A-Za-z0-9._:-]+:[0-9]+))?$ ]] ||
			die "CONSOLE_BROKERS: expected NAME=ws://... or NAME=wss://..., with ,mqtts://HOST:PORT behind it or not;" \
				"CONSOLE_MQTT: mqtts://HOST:PORT; not \"$each\""
		name=${BASH_REMATCH[2]} url=${BASH_REMATCH[3]} mqtt=${BASH_REMATCH[5]}
		printf '%s{"url": "%s"' "$separator" "$url"
		[ -z "$name" ] || printf ', "name": "%s"' "$name"
		[ -z "$mqtt" ] || printf ', "mqtt": "%s"' "$mqtt"
		[[ $mqtt != mqtts:* ]] || ! is_ours_signed || printf ', "ca": "ca.crt"'
		printf '}'
		separator=', '
	done
	printf ']}\n'
}

# Copies: what the broker serves must lie within its folder. Readable for the broker's user only.
console_files()
{
	local brokers=${CONSOLE_BROKERS:-}
	if [ -n "$console_port" ] && ! has_http; then
		printf 'demo: no console: this mosquitto was built without http_api\n' >&2
		console_port=
	fi
	[ -n "$console_port" ] || return 0
	[ -r "$console_page" ] || die "no console at $console_page"
	console_ports
	[ -n "$brokers" ] ||
		brokers=ws://127.0.0.1:${console_ws_port:-$console_port}/,${CONSOLE_MQTT:-mqtts://localhost:$tls_port}
	mkdir -p "$console_dir"
	cp "$console_page" "$work/page"
	brokers_json "$brokers" >"$work/brokers"
	mv "$work/page" "$console_dir/index.html"
	rm -f "$console_dir/ca.crt"
	is_ours_signed && cp ca.crt "$work/ca" && mv "$work/ca" "$console_dir/ca.crt"
	mv "$work/brokers" "$console_dir/brokers.json"
}

# The console's listeners alone, for a mosquitto.conf that was made elsewhere.
console_conf()
{
	CONSOLE=$console_port CONSOLE_WS=$console_ws_port ADDRESS=$console_address \
	CONSOLE_DIR=$console_dir RELEASE=$console_release awk '
	$1 == "#" ENVIRON["RELEASE"] {
		sub(/^#[0-9.]+ /, "")
		if ($1 == "listener")
			$0 = "listener " ENVIRON[$2 == 8080 ? "CONSOLE" : "CONSOLE_WS"] " " ENVIRON["ADDRESS"]
		if ($1 == "http_dir")
			$0 = "http_dir " ENVIRON["CONSOLE_DIR"]
		print
	}' "$example"
}

# ---- the configuration ------------------------------------------------------------------

# Replaces the values of lines that begin with one of the words; each must be there.
configure()
{
	[ -s ca.crt ] && [ -s ca.crl ] || mtls_port=
	[ ! -e extra.conf ] || [ -r extra.conf ] || die "$PWD/extra.conf: cannot be read"
	RUN=$PWD PLUGIN=$plugin CONTRACT=$contract ACCESS_COPY=$access_copy USER=$(id -un) \
	TLS=$tls_port WSS=$wss_port MTLS=$mtls_port PLAIN=$plain_port DATA=$data LOG=$log_dest OPTIONS=$options \
	CONSOLE=$console_port CONSOLE_WS=$console_ws_port CONSOLE_DIR=$console_dir ADDRESS=$console_address \
	RELEASE=${console_release:-} awk '
	BEGIN {
		run = ENVIRON["RUN"]
		data = ENVIRON["DATA"]
		to["plugin"] = ENVIRON["PLUGIN"]
		to["plugin_opt_contract"] = ENVIRON["CONTRACT"]
		to["plugin_opt_access"] = run "/" ENVIRON["ACCESS_COPY"]
		to["plugin_opt_password_file"] = run "/passwords"
		to["plugin_opt_database"] = data "/petstore.db"
		to["user"] = ENVIRON["USER"]
		to["listener 8883"] = ENVIRON["TLS"]
		to["listener 8084"] = ENVIRON["WSS"]
		to["listener 8884"] = ENVIRON["MTLS"]
		to["listener 1883"] = ENVIRON["PLAIN"] " 127.0.0.1"
		to["certfile"] = run "/server.crt"
		to["keyfile"] = run "/server.key"
		to["cafile"] = run "/ca.crt"
		to["crlfile"] = run "/ca.crl"
		to["persistence_location"] = data "/"
		to["log_dest"] = ENVIRON["LOG"]
		console = ENVIRON["CONSOLE"] == "" ? "" : "#" ENVIRON["RELEASE"]
		if (console != "") {
			to["listener 8080"] = ENVIRON["CONSOLE"] " " ENVIRON["ADDRESS"]
			to["http_dir"] = ENVIRON["CONSOLE_DIR"]
		}
		if (ENVIRON["CONSOLE_WS"] != "")
			to["listener 8081"] = ENVIRON["CONSOLE_WS"] " " ENVIRON["ADDRESS"]
		# Behind a listener of its own a line is about that one, and replaces none.
		while ((getline line < "extra.conf") > 0) {
			extra = extra line "\n"
			is_line = split(line, words) > 0 && words[1] !~ /^#/
			is_of_listener = is_of_listener || is_line && words[1] == "listener"
			if (is_line && !is_of_listener)
				is_replaced[words[1]] = 1
		}
		count = split(ENVIRON["OPTIONS"], option, "\n")
		for (i = 1; i <= count; i++) {
			split(option[i], words)
			if (words[1] in is_replaced)
				continue
			is_option[words[1]] = 1
			to["plugin"] = to["plugin"] "\n" option[i]
		}
	}
	console != "" && $1 == console { sub(/^#[0-9.]+ /, "") }
	{
		word = $1
		key = word == "listener" ? word " " $2 : word
	}
	# Certificates of other making: there is nothing to check those of clients against.
	key == "listener 8884" && ENVIRON["MTLS"] == "" { is_left_out = 1 }
	!NF { is_left_out = 0 }
	is_left_out { done[key] = 1; next }
	word == "listener" && extra != "" { printf "# extra.conf:\n%s\n", extra; extra = "" }
	word in is_replaced || word in is_option { done[key] = 1; next }
	key in to { print word, to[key]; done[key] = 1; next }
	{ print }
	END {
		for (key in to)
			if (!(key in done)) {
				print "no line \"" key "\"" >"/dev/stderr"
				exit 1
			}
	}' "$example" >"$work/conf" || die "$example: a line that must be replaced is missing"
	mv "$work/conf" mosquitto.conf
}

# ---- running ----------------------------------------------------------------------------

is_port() { [[ $1 =~ ^[0-9]{1,5}$ ]] && [ $((10#$1)) -ge 1 ] && [ $((10#$1)) -le 65535 ]; }

is_taken() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# PASSWORD stands for one that is not known here.
password_of()
{
	local found
	found=$(sed -n "s/^$1 //p" credentials 2>/dev/null || true)
	printf '%s' "${found:-PASSWORD}"
}

# What clients trust: AUTHORITY stands for one that is not known here.
authority_file() { if is_ours_signed; then shown /ca.crt; else printf AUTHORITY; fi; }

# Paths as one would type them: relative to where the user is, quoted where needed.
shown() { printf '%q' "$shown_run$1"; }
shown_data() { if [ "$data" = "$PWD" ]; then shown "$1"; else printf '%q' "$data$1"; fi; }

# What is served, what is said behind the console's address, and the line about accounts if not the demo's.
heading()
{
	cat <<-END

	$1, held to its contract:
	END
	[ -z "$console_port" ] ||
		printf '  console      http://127.0.0.1:%s/   for browsers on this machine%s\n' "$console_port" "${2:-}"
	cat <<-END
	  mqtts://localhost:$tls_port   wss://localhost:$wss_port   mqtt://127.0.0.1:$plain_port (this machine only)
	END
	[ -z "$mtls_port" ] ||
		printf '  mqtts://localhost:%s   for clients with a certificate\n' "$mtls_port"
	cat <<-END
	  authority    $(trusted)
	  ${3:-accounts     $(known)}
	  database     $(shown_data /petstore.db)
	  settings     $(shown /extra.conf): lines of yours for mosquitto.conf, which is made anew at each run
	END
}

trusted()
{
	if is_ours_signed; then
		shown /ca.crt
	else
		printf 'that of %s, which is yours: AUTHORITY below stands for its file' "$(shown /server.crt)"
	fi
}

known()
{
	if [ -e credentials ]; then
		shown /credentials
	else
		printf '%s: PASSWORD below stands for theirs' "$(shown /passwords)"
	fi
}

ending()
{
	cat <<-END

	Edit the contract or the accounts, then let them be read again:
	  kill -HUP \$(cat $(shown /mosquitto.pid))

	Ctrl-C stops the broker; its files stay for the next run, all but mosquitto.conf.

	END
}

# Are those whom help() speaks of users?
has_demo_users() { [ "$(grep -cxE 'backoffice|customer-a|orders-service' "$work/users")" = 3 ]; }

help()
{
	local tls
	tls="-h localhost -p $tls_port --cafile $(authority_file)"
	heading "The Petstore's MQTT API" "; sign in as backoffice, password $(password_of backoffice)"
	cat <<-END

	In a second terminal, as a customer, see everything that customers may:
	  mosquitto_sub $tls -u customer-a -P $(password_of customer-a) -q 1 -v -t '#'

	In a third one, place an order:
	  mosquitto_pub $tls -V 5 -u orders-service -P $(password_of orders-service) -q 1 -t orders/ord-1001/status -m '{"orderId":"ord-1001","status":"PLACED","userId":"customer-a","updatedAt":"$now"}'

	Refused, and the log below says why: this status does not exist.
	  mosquitto_pub $tls -V 5 -u orders-service -P $(password_of orders-service) -q 1 -t orders/ord-1001/status -m '{"orderId":"ord-1001","status":"LOST","updatedAt":"$now"}'

	What the database has, and what was refused (build/petstorectl help shows more):
	  build/petstorectl list orders --config $(shown /mosquitto.conf)
	  build/petstorectl refusals --config $(shown /mosquitto.conf)
	END
	[ -z "$mtls_port" ] || ! openssl verify -CAfile ca.crt clients/collar-7.crt >/dev/null 2>&1 || cat <<-END

	A device shows its certificate instead of a password; that of collar-8 is revoked.
	  mosquitto_pub -h localhost -p $mtls_port --cafile $(authority_file) --cert $(shown /clients/collar-7.crt) --key $(shown /clients/collar-7.key) -V 5 -q 1 -t pets/collar-7/availability -m '{"petId":"collar-7","available":true,"updatedAt":"$now"}'
	END
	ending
}

# For a contract or an access file of the operator's own, whose users and topics are not known here.
help_own()
{
	local config copied
	config="--config $(shown /mosquitto.conf)"
	copied="a copy of $(printf '%q' "$access"); edit the copy"
	cmp -s "$access" "$access_copy" || copied="edited by you, so $(printf '%q' "$access") is not read"
	heading "$(basename "$contract")" "" \
		"passwords    $(shown /passwords): each user of the access file needs one, as below"
	cat <<-END
	  contract     $(printf '%q' "$contract")
	  access       $(shown "/$access_copy"): $copied

	In a second terminal, give a user of the access file a password, and see what it may do:
	  build/petstorectl passwd set $(shown /passwords) USER
	  kill -HUP \$(cat $(shown /mosquitto.pid))
	  build/petstorectl may USER $config

	As this user, see everything that it may receive, and publish:
	  mosquitto_sub -h localhost -p $tls_port --cafile $(authority_file) -V 5 -u USER -P PASSWORD -i USER/sub -q 1 -v -t '#'
	  mosquitto_pub -h localhost -p $tls_port --cafile $(authority_file) -V 5 -u USER -P PASSWORD -i USER/pub -q 1 -t TOPIC -m PAYLOAD

	What was refused, and why (the log below says it too); and what would be decided about a message:
	  build/petstorectl refusals $config
	  build/petstorectl explain publish $config --user USER TOPIC PAYLOAD
	END
	ending
}

case ${1:-} in
'' | prepare | console) ;;
*) die "usage: demo.sh [prepare | console]" ;;
esac
for name in TLS WSS MTLS PLAIN CONSOLE CONSOLE_WS; do
	declare -n port=${name,,}_port
	case $name$port in CONSOLE | CONSOLE_WS | CONSOLEany) continue ;; esac
	is_port "$port" || die "${name}_PORT: expected a port, 1 to 65535, not \"$port\""
done
unset -n port
contract=$(absolute "$contract")
plugin=$(absolute "$plugin")
access=$(absolute "$access")
example=$(absolute "$example")
data=$(absolute "$data")
console_page=$(absolute "$console_page")
console_dir=$(absolute "${console_dir:-$run/console}")
PATH=$PATH:/usr/sbin:/usr/local/sbin # mosquitto's place, not in everyone's PATH

mkdir -p "$run"
shown_run=$run
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
[ "${run#/}" != "$run" ] && shown_run=${run#"$PWD"/}
cd "$run"
exec 9>.lock # held as long as the broker lives: two brokers must not share a database
flock -n 9 || die "a broker is running in $run already (pid $(cat mosquitto.pid 2>/dev/null || true)): end that one," \
	"or name another folder with RUN_DIR= and ports of its own"
work=$(mktemp -d "$PWD/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT

if [ "${1:-}" = console ]; then
	console_files
	[ -z "$console_port" ] || console_conf >console.conf
	printf '%s\n' "$console_port"
	exit 0
fi
certificates
roles
passwords
console_files
configure
[ "${1:-}" = prepare ] && exit 0

[ -r "$contract" ] || die "no contract at $contract"
[ -r "$plugin" ] || die "no plugin at $plugin; build it with make"
for port in "$tls_port" "$wss_port" $mtls_port "$plain_port" $console_port $console_ws_port; do
	is_taken "$port" && die "port $port is taken (by another \`make run\`, or by the system's own mosquitto service?);" \
		"choose others with TLS_PORT=, WSS_PORT=, MTLS_PORT=, PLAIN_PORT= and CONSOLE_PORT="
done
if [ "$contract" -ef "$shipped" ] && has_demo_users; then help; else help_own; fi
echo $$ >mosquitto.pid
rm -rf "$work" # exec runs no trap
exec mosquitto -c mosquitto.conf
