#!/bin/bash
# Several brokers with one ledger, to try things on: PostgreSQL with a synchronous standby, bridges
# between the brokers, HAProxy in front, all on this machine. Makes what is missing in CLUSTER_DIR,
# prints commands to paste, and ends all it started when it is ended.
#
#     cluster.sh            all of it
#     cluster.sh prepare    files only
#
# BROKERS=2 or 3. PORTS names the first of a hundred ports: PostgreSQL's are PORTS+1 and +2, those of
# broker-a PORTS+11 to +17, of broker-b +21 to +27, of broker-c +31 to +37. TLS_PORT, WSS_PORT and
# MTLS_PORT are HAProxy's.
#
# In CLUSTER_DIR, kept for the next run:
#     what demo.sh makes there      certificates and accounts, the same for all brokers
#     broker-a ... broker-c         each one's mosquitto.conf, journal, sessions, mosquitto.pid
#     extra.conf                    lines of yours for each mosquitto.conf, which are made anew
#     haproxy                       haproxy.cfg, derived anew from docker/haproxy.cfg, and its certificate
#     postgres/one, postgres/two    the two servers' data; whichever is no standby is the primary
#     postgres/one.conf, two.conf   the settings of each, which its data's petstore.conf is a copy of
#     pgpass                        the brokers' password for PostgreSQL
#
# For docker/compose.cluster.yaml `prepare` makes the files with IN_CONTAINERS=1: each broker is a
# host of its own name with the usual ports, PostgreSQL's hosts are POSTGRES_HOSTS.
set -euo pipefail
umask 077

share=$(cd "$(dirname "$0")/.." && pwd)
run=${CLUSTER_DIR:-$share/build/cluster}
plugin=${PLUGIN:-$share/build/mosquitto_petstore.so}
tool=${TOOL:-build/petstorectl}
demo=${DEMO:-$share/scripts/demo.sh}
shipped_access=${ACCESS:-$share/docker/access.json}
template=${HAPROXY_TEMPLATE:-$share/docker/haproxy.cfg}
brokers=${BROKERS:-3}
ports=${PORTS:-18800}
tls_port=${TLS_PORT:-8883}
wss_port=${WSS_PORT:-8084}
mtls_port=${MTLS_PORT:-8884}
in_containers=${IN_CONTAINERS:-}
database_hosts=${POSTGRES_HOSTS:-127.0.0.1,127.0.0.1}
PATH=$PATH:/usr/sbin:/usr/local/sbin # mosquitto's and haproxy's place, not in everyone's PATH

say() { printf 'cluster: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# ---- files -------------------------------------------------------------------------------

# The @2-th port of broker number @1: 1 TLS, 2 websockets, 3 with certificates, 4 plain, 5 HAProxy's, 6 the
# console's, 7 its websockets where these need one of their own. In containers the first broker serves it.
port()
{
	local usual=(8883 8084 8884 1883 1884 8080 8081)
	if [ -n "$in_containers" ]; then
		echo "${usual[$2 - 1]}"
	else
		echo $((ports + 10 * $1 + $2))
	fi
}

host() { if [ -n "$in_containers" ]; then echo "$1"; else echo localhost; fi; }

# Where @1's database and sessions lie.
data_of() { if [ -n "$in_containers" ]; then echo /mosquitto/data; else echo "$PWD/$1"; fi; }

# The shipped access file, and peers: each broker is the user of its name at the others; what comes in
# over a bridge that it opened itself is published by "peer", who has no password.
access()
{
	local name users='    "peer": { "roles": ["peer"] },\n'
	for name in "${names[@]}"; do
		users+="    \"$name\": { \"roles\": [\"peer\"] },\n"
	done
	awk -v users="$users" '
	{ print }
	/^  "roles": \{$/ {
		print "    \"peer\": {"
		print "      \"description\": \"The other brokers of this cluster, which have decided what they bring.\","
		print "      \"peer\": true,"
		print "      \"trust\": [\"pets/#\", \"orders/#\", \"payments/#\", \"inventory/#\"],"
		print "      \"scopes\": [\"read:pets\", \"write:pets\", \"read:orders\", \"write:orders\","
		print "        \"read:payments\", \"write:payments\", \"read:inventory\", \"write:inventory\"]"
		print "    },"
	}
	/^  "users": \{$/ { printf "%s", users }' "$shipped_access" >access.shipped.json
	grep -q '"peer": true' access.shipped.json && grep -q "\"${names[0]}\"" access.shipped.json ||
		die "$shipped_access: has no lines \"roles\" and \"users\" to add the brokers to"
}

# A password for each broker; demo.sh makes keys of them as of the demo accounts'.
broker_accounts()
{
	local name
	touch credentials
	for name in "${names[@]}"; do
		grep -q "^$name " credentials ||
			printf '%s %s\n' "$name" "$(openssl rand -hex 12)" >>credentials
	done
}

password_of() { sed -n "s/^$1 //p" credentials; }

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/[\\\\']/\\\\&/g")"; }

# The connection string that all brokers have; the password stands in its file alone.
conninfo()
{
	local port=$((ports + 1)),$((ports + 2)) tls
	tls="sslmode=verify-full sslrootcert=$(quoted "$PWD/ca.crt")"
	if [ -n "$in_containers" ]; then
		port=5432,5432
		tls="sslmode=prefer"
	fi
	printf 'host=%s port=%s dbname=petstore user=petstore passfile=%s %s target_session_attrs=read-write connect_timeout=2' \
		"$database_hosts" "$port" "$(quoted "$PWD/pgpass")" "$tls"
}

pgpass()
{
	[ -s pgpass ] || printf '*:*:*:petstore:%s\n' "${POSTGRES_PASSWORD:-$(openssl rand -hex 16)}" >pgpass
}

# Has this mosquitto the PROXY protocol?
is_2_1() { [[ $(mosquitto -h | head -n 1) =~ version\ 2\.[1-9] ]]; }

# The bridge of broker number @1 to number @2; of two brokers one opens it.
bridge()
{
	local mine=${names[$1 - 1]} theirs=${names[$2 - 1]}
	cat <<-END

	# Of two brokers one opens the bridge. What the other has decided is believed ("trust" in the
	# access file) and delivered here; what it adds to a message says which broker has kept it.
	connection $theirs
	address $(host "$theirs"):$(port "$2" 1)
	bridge_cafile $PWD/ca.crt
	bridge_protocol_version mqttv50
	# Its user and client id over there.
	remote_username $mine
	remote_password $(password_of "$mine")
	remote_clientid $mine
	# Who publishes here what comes from there.
	local_username peer
	local_clientid peer/$theirs
	restart_timeout 1 5
	topic pets/# both 1
	topic orders/# both 1
	topic payments/# both 1
	topic inventory/# both 1
	END
}

# Where the console's page, which each broker serves, may sign in.
consoles()
{
	local number
	for ((number = 1; number <= brokers; number++)); do
		printf '%s=ws://127.0.0.1:%s/,mqtts://localhost:%s ' "${names[$number - 1]}" \
			"$(port "$number" $((6 + is_proxied)))" "$(port "$number" 1)"
	done
}

# What follows demo.sh's configuration of broker number @1.
behind()
{
	local other
	if [ -n "$is_proxied" ]; then
		cat <<-END

		# HAProxy's, which says each client's address.
		listener $(port "$1" 5) 127.0.0.1
		enable_proxy_protocol 2
		END
	fi
	for ((other = $1 + 1; other <= brokers; other++)); do
		bridge "$1" "$other"
	done
}

# mosquitto.conf of broker number @1.
configuration()
{
	local name=${names[$1 - 1]} options console=("CONSOLE_PORT=")
	mkdir -p "$name"
	options="plugin_opt_broker $name
plugin_opt_database $(conninfo)
plugin_opt_journal $(data_of "$name")/petstore.journal
plugin_opt_journal_max 33554432
plugin_opt_say_publisher 1
plugin_opt_never_lock ${NEVER_LOCK:-127.0.0.1,::1}"
	[ -n "$in_containers" ] || options+="
plugin_opt_metrics_file $PWD/$name/metrics.prom
plugin_opt_metrics_interval 5"
	if [ -z "$in_containers" ]; then
		console=("CONSOLE_PORT=$(port "$1" 6)" "CONSOLE_WS_PORT=$(port "$1" 7)" "CONSOLE_BROKERS=$(consoles)")
	elif [ "$1" = 1 ]; then # published on the host's loopback interface alone
		console=("CONSOLE_PORT=$(port 1 6)" "CONSOLE_WS_PORT=$(port 1 7)" CONSOLE_ADDRESS=0.0.0.0)
	fi
	prepare_with "${console[@]}" DATA_DIR="$(data_of "$name")" OPTIONS="$options" TLS_PORT="$(port "$1" 1)" \
		WSS_PORT="$(port "$1" 2)" MTLS_PORT="$(port "$1" 3)" PLAIN_PORT="$(port "$1" 4)"
	{
		[ -n "$in_containers" ] || printf 'pid_file %s/mosquitto.pid\n\n' "$PWD/$name"
		cat mosquitto.conf
		behind "$1"
	} >"$name/.new"
	mv "$name/.new" "$name/mosquitto.conf"
	rm mosquitto.conf
}

prepare_with()
{
	env "$@" RUN_DIR="$PWD" PLUGIN="$plugin" ACCESS="$PWD/access.shipped.json" \
		SERVER_NAMES="$(IFS=,; echo "${names[*]}")${SERVER_NAMES:+,$SERVER_NAMES}" "$demo" prepare ||
		exit 1
}

# HAProxy's configuration for these ports: words behind `bind` and `server` are replaced.
haproxy_files()
{
	local name file
	mkdir -p haproxy
	for name in server.pem ca.crt; do
		file=haproxy/$name
		case $name in
		server.pem) cat server.crt server.key >"$file" ;;
		*) cat ca.crt >"$file" ;;
		esac
	done
	[ -z "$in_containers" ] || return 0
	PORTS=$ports BROKERS=$brokers PROXIED=$is_proxied \
	TLS=$tls_port WSS=$wss_port MTLS=$mtls_port awk '
	BEGIN {
		to["8883"] = ENVIRON["TLS"]
		to["8884"] = ENVIRON["MTLS"]
		to["8084"] = ENVIRON["WSS"]
		at["8883"] = ENVIRON["PROXIED"] ? 5 : 1
		at["8084"] = 2
		at["8884"] = 3
	}
	/^resolvers / { is_left_out = 1 }
	is_left_out { is_left_out = NF > 0; next }
	{ sub(/ init-addr .*/, "") }
	$1 == "bind" { sub(/:[0-9]+/, ":" to[substr($2, 2)]) }
	$1 == "server" {
		number = index("abc", substr($2, length($2)))
		if (number > ENVIRON["BROKERS"])
			next
		split($3, place, ":")
		sub(place[1] ":" place[2], "127.0.0.1:" (ENVIRON["PORTS"] + 10 * number + at[place[2]]))
		if (ENVIRON["PROXIED"])
			sub(/check ssl .*/, "check send-proxy-v2")
		else
			sub(/sni .*/, "sni str(localhost)")
	}
	{ print }' "$template" >haproxy/haproxy.cfg
}

files()
{
	local number
	access
	broker_accounts
	pgpass
	for ((number = 1; number <= brokers; number++)); do
		configuration "$number"
	done
	haproxy_files
}

# ---- PostgreSQL --------------------------------------------------------------------------

# PostgreSQL refuses to be root, and HAProxy should not be: each is its package's user then.
become()
{
	become=()
	[ "$(id -u)" != 0 ] || [ "$1" = root ] ||
		become=(--reuid="$1" --regid="$(id -g "$1")" --init-groups)
}

as()
{
	become "$1"
	shift
	setpriv "${become[@]}" -- "$@"
}

owned_by() { [ "$(id -u)" != 0 ] || chown -R "$1:" "$2"; }

postgres_tools()
{
	local folder
	folder=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	[ -n "$folder" ] || folder=$(pg_config --bindir 2>/dev/null) || die "no PostgreSQL: its initdb is in no known folder"
	printf '%s' "$folder"
}

# Must be reached by the user postgres; below /root, for instance, it is not.
database_folder()
{
	mkdir -p postgres
	chmod go+x . # nobody lists it
	for file in server.crt server.key ca.crt; do
		cat "$file" >"postgres/$file"
	done
	owned_by postgres postgres
	as postgres test -w "$PWD/postgres" ||
		die "the user postgres may not enter $PWD: choose another folder, say CLUSTER_DIR=/var/tmp/petstore-cluster"
}

database_port() { case $1 in one) echo $((ports + 1)) ;; *) echo $((ports + 2)) ;; esac; }

other_of() { case $1 in one) echo two ;; *) echo one ;; esac; }

# Which of both was the primary last? After a promotion both may say so: then the later one.
primary_of()
{
	if [ ! -e postgres/two/PG_VERSION ] || [ -e postgres/two/standby.signal ]; then
		echo one
	elif [ ! -e postgres/one/PG_VERSION ] || [ -e postgres/one/standby.signal ]; then
		echo two
	elif [ "$(timeline one)" -ge "$(timeline two)" ]; then
		echo one
	else
		echo two
	fi
}

timeline()
{
	as postgres "$bin/pg_controldata" -D "$PWD/postgres/$1" |
		sed -n "s/^Latest checkpoint's TimeLineID: *//p"
}

# Runs SQL at @1 as the operator of the server, whose password stands in postgres/operator.
ask()
{
	local server=$1
	shift
	PGPASSWORD=$(cat postgres/operator) "$bin/psql" -XqAt -v ON_ERROR_STOP=1 \
		"host=127.0.0.1 port=$(database_port "$server") user=operator dbname=postgres connect_timeout=2" "$@"
}

# The settings of server @1, whoever starts it. Its data may be a copy of the other's, settings included.
settle_database()
{
	local data=postgres/$1 folder=$PWD/postgres
	cat >"$data.conf" <<-END
		# Made by cluster.sh.
		port = $(database_port "$1")
		listen_addresses = '127.0.0.1'
		unix_socket_directories = ''
		ssl = on
		ssl_cert_file = $(quoted "$folder/server.crt")
		ssl_key_file = $(quoted "$folder/server.key")
		ssl_ca_file = $(quoted "$folder/ca.crt")
		primary_conninfo = '$(followed "$(other_of "$1")" | sed "s/'/''/g")'
	END
	cat "$data.conf" >"$data/petstore.conf"
	grep -q "^include 'petstore.conf'" "$data/postgresql.conf" ||
		echo "include 'petstore.conf'" >>"$data/postgresql.conf"
	sed -i '/^primary_conninfo/d' "$data/postgresql.auto.conf" # it would count more
	owned_by postgres "$data.conf"
	owned_by postgres "$data/petstore.conf"
	owned_by postgres "$data/postgresql.auto.conf"
}

start_database()
{
	local server=$1 port i
	port=$(database_port "$server")
	settle_database "$server"
	: >>"postgres/$server.log"
	owned_by postgres "postgres/$server.log"
	LOG=postgres/$server.log start "postgres-$server" postgres / INT \
		"$bin/postgres" -D "$PWD/postgres/$server"
	for ((i = 0; i < 300; i++)); do
		"$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return 0
		is_running "postgres-$server" || break
		sleep 0.1
	done
	die "PostgreSQL does not start: $(tail -n 3 "postgres/$server.log")"
}

make_primary()
{
	local folder=$PWD/postgres
	[ -s postgres/operator ] || openssl rand -hex 16 >postgres/operator
	rm -rf postgres/new
	owned_by postgres postgres
	as postgres "$bin/initdb" -D "$folder/new" -U operator -A scram-sha-256 --no-instructions \
		--pwfile="$folder/operator" -E UTF8 --locale=C >postgres/initdb.log 2>&1 ||
		die "initdb: $(tail -n 2 postgres/initdb.log)"
	mv postgres/new "postgres/$1"
}

# The brokers' role, which owns their database, and the standby's.
make_roles()
{
	local password
	password=$(cat postgres/operator)
	ask "$1" <<-END
		SELECT format('CREATE ROLE %I %s PASSWORD %L', name, rights, password)
			FROM (VALUES ('petstore', 'LOGIN', '$(sed 's/.*://' pgpass)'),
				('standby', 'LOGIN REPLICATION', '$password')) AS new (name, rights, password)
			WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name) \gexec
		SELECT 'CREATE DATABASE petstore OWNER petstore'
			WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'petstore') \gexec
	END
}

# Where a standby finds server @1.
followed()
{
	printf 'host=127.0.0.1 port=%s user=standby passfile=%s application_name=standby' \
		"$(database_port "$1")" "$(quoted "$PWD/postgres/pgpass")"
}

# A copy of primary @1 that follows it. One that was a primary itself is made anew.
make_standby()
{
	local folder
	folder=postgres/$(other_of "$1")
	printf '127.0.0.1:*:*:standby:%s\n' "$(cat postgres/operator)" >postgres/pgpass
	owned_by postgres postgres/pgpass
	[ -e "$folder/standby.signal" ] && return 0
	rm -rf "$folder"
	as postgres "$bin/pg_basebackup" -D "$PWD/$folder" -R -c fast -d "$(followed "$1")" \
		2>postgres/basebackup.log || die "pg_basebackup: $(tail -n 3 postgres/basebackup.log)"
	# It waits for no standby when it is promoted: there is none then.
	as postgres sed -i '/^synchronous_standby_names/d' "$folder/postgresql.auto.conf"
}

databases()
{
	local primary
	bin=$(postgres_tools)
	database_folder
	primary=$(primary_of)
	[ -e "postgres/$primary/PG_VERSION" ] || make_primary "$primary"
	start_database "$primary"
	make_roles "$primary"
	make_standby "$primary"
	start_database "$(other_of "$primary")"
	# From now on a commit is on both.
	ask "$primary" -c "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'" \
		-c "SELECT pg_reload_conf()" >/dev/null
	first=$primary
}

# ---- processes ---------------------------------------------------------------------------

declare -A pid=()

# Starts @1 in the background as user @2, where we are root, in folder @3, and in a session of its own:
# Ctrl-C reaches this script alone, which ends all in their order. If it is killed, signal @4 ends them.
# What they say goes to file LOG, or to the terminal behind their name.
start()
{
	local name=$1 folder=$3 signal=$4
	become "$2"
	shift 4
	if [ -n "${LOG:-}" ]; then
		exec 3>>"$LOG"
	else
		exec 3> >(trap '' INT TERM; exec sed -u "s/^/$name  /")
	fi
	(
		cd "$folder"
		exec setsid setpriv --pdeathsig "$signal" "${become[@]}" -- "$@" >&3 2>&1 </dev/null 3>&- 9>&-
	) &
	pid[$name]=$!
	exec 3>&-
}

is_running() { [ -n "${pid[$1]:-}" ] && kill -0 "${pid[$1]}" 2>/dev/null; }

# Ends processes by signal @1 and waits; one that does not listen is told again.
end()
{
	local signal=$1 name i
	shift
	for ((i = 0; i < 200; i++)); do
		for name in "$@"; do
			is_running "$name" && [ $((i % 50)) = 0 ] && kill -s "$signal" "${pid[$name]}" 2>/dev/null
		done
		for name in "$@"; do
			is_running "$name" && break
		done || return 0
		sleep 0.1
	done
	say "not ended: $*"
}

end_all()
{
	local server
	trap '' INT TERM HUP
	end TERM haproxy "${names[@]}"
	[ -n "$first" ] || return 0
	end INT "postgres-$first"
	end INT "postgres-$(other_of "$first")"
	for server in one two; do # started by the printed command
		[ ! -e "postgres/$server/postmaster.pid" ] ||
			as postgres "$bin/pg_ctl" -s -m fast -D "$PWD/postgres/$server" stop 2>/dev/null || true
	done
}

start_broker()
{
	start "$1" root "$PWD" TERM mosquitto -c "$PWD/$1/mosquitto.conf"
}

# Waits until process @1 serves port @2.
wait_for()
{
	local i
	for ((i = 0; i < 300; i++)); do
		is_taken "$2" && return 0
		is_running "$1" || break
		sleep 0.1
	done
	die "$1 did not start"
}

# The last one first: the others open bridges to it, and would come again only after a pause. Before all
# are there HAProxy would say that they are down.
start_brokers()
{
	local number
	for ((number = brokers; number >= 1; number--)); do
		start_broker "${names[$number - 1]}"
		wait_for "${names[$number - 1]}" "$(port "$number" 1)"
	done
}

# Says what ended; the rest goes on, as it should.
attend()
{
	local name
	while :; do
		for name in "${!pid[@]}"; do
			is_running "$name" && continue
			wait "${pid[$name]}" && status=0 || status=$?
			say "$name has ended ($status)"
			unset "pid[$name]"
		done
		[ ${#pid[@]} -gt 0 ] || return 0
		wait -n "${pid[@]}" || true
	done
}

# ---- what to try -------------------------------------------------------------------------

# Paths as one would type them: relative to where the user is, quoted where needed.
shown() { printf '%q' "$shown_run${1:-}"; }

# mosquitto_@1 at port @2 as user @3.
client()
{
	printf 'mosquitto_%s -h localhost -p %s --cafile %s -V 5 -q 1 -i %s/%s -u %s -P %s' \
		"$1" "$2" "$(shown /ca.crt)" "$3" "$4" "$3" "$(password_of "$3")"
}

# A message that gives order @2 status @1.
order()
{
	printf "%s -t orders/%s/status -m '{\"orderId\":\"%s\",\"status\":\"%s\",\"userId\":\"customer-a\",\"updatedAt\":\"%s\"}'" \
		"-r" "$2" "$2" "$1" "$now"
}

help()
{
	local number last=${names[$((brokers - 1))]} config
	config="--config $(shown "/${names[0]}/mosquitto.conf")"
	cat <<-END

	$brokers brokers, held to one contract, with one ledger:
	  http://127.0.0.1:$(port 1 6)/   the console, for browsers on this machine: sign in at either broker as backoffice, password $(password_of backoffice)
	  mqtts://localhost:$tls_port   HAProxy ends TLS: the client id decides which broker
	  mqtts://localhost:$mtls_port   TLS passes through, for clients with a certificate: the source address decides
	  wss://localhost:$wss_port     likewise, websockets
	END
	for ((number = 1; number <= brokers; number++)); do
		echo "  mqtts://localhost:$(port "$number" 1)  ${names[$number - 1]} alone"
	done
	cat <<-END
	  authority    $(shown /ca.crt)
	  accounts     $(shown /credentials)
	  database     PostgreSQL on ports $((ports + 1)) and $((ports + 2)); $first is the primary, $(other_of "$first") its synchronous standby
	  HAProxy      $(shown /haproxy/haproxy.cfg)

	In a second terminal, at $last, see all orders:
	  $(client sub "$(port "$brokers" 1)" backoffice see) -v -t 'orders/#'

	In a third one, place an order through HAProxy, approve and ship it at broker-a:
	  $(client pub "$tls_port" orders-service "place") $(order PLACED ord-1)
	  $(client pub "$(port 1 1)" orders-service approve) $(order APPROVED ord-1)
	  $(client pub "$(port 1 1)" orders-service ship) $(order SHIPPED ord-1)

	Both at once, at two brokers: deliver it, and cancel it. One of both counts, everywhere.
	  $(client pub "$(port 1 1)" orders-service deliver) $(order DELIVERED ord-1) & $(client pub "$(port 2 1)" orders-service cancel) $(order CANCELLED ord-1); wait

	What the ledger has, and who is alive:
	  $tool orders $config
	  $tool brokers $config

	Stop a broker; HAProxy sends its clients to the others. Start it again in that terminal: Ctrl-C there
	ends it. "Error creating bridge" is said by the others until it is back.
	  kill \$(cat $(shown /broker-a/mosquitto.pid))
	  mosquitto -c $(shown /broker-a/mosquitto.conf)

	Kill the primary, and make the standby the primary. Never start the killed one as it is, there would
	be two primaries: the last command makes it a standby, and so does the next run.
	  kill -9 \$(head -n 1 $(shown "/postgres/$first/postmaster.pid"))
	  $(promotion)
	  $(return_as_standby)

	Edit the contract or the accounts, then let them be read again:
	  kill -HUP \$(grep -h . $(shown)/broker-?/mosquitto.pid)

	Ctrl-C stops all that was started here; the files stay for the next run.

	END
}

# A copy of the new primary in the place of what was the first one, with its own settings.
return_as_standby()
{
	local folder=$PWD/postgres line
	line="cd $(printf %q "$folder") && rm -rf $first && $bin/pg_basebackup -D $first -R -c fast"
	line+=" -d $(printf %q "$(followed "$(other_of "$first")")") && cp $first.conf $first/petstore.conf"
	line+=" && $bin/pg_ctl -s -w -D $first -l $first.log start"
	[ "$(id -u)" != 0 ] || printf 'runuser -u postgres -- '
	printf 'sh -c %q' "$line"
}

promotion()
{
	[ "$(id -u)" != 0 ] || printf 'runuser -u postgres -- '
	printf '%s promote -D %s' "$bin/pg_ctl" "$(shown "/postgres/$(other_of "$first")")"
}

# ---- all of it ---------------------------------------------------------------------------

is_taken() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_ports()
{
	local number kind
	for ((number = 1; number <= brokers; number++)); do
		for kind in 1 2 3 4 5 6 7; do
			is_taken "$(port "$number" $kind)" && die "port $(port "$number" $kind) is taken; choose others with PORTS="
		done
	done
	for number in $((ports + 1)) $((ports + 2)); do
		is_taken "$number" && die "port $number is taken; choose others with PORTS="
	done
	for number in "$tls_port" "$wss_port" "$mtls_port"; do
		is_taken "$number" && die "port $number is taken (by \`make run\`, or a service?); choose others with" \
			"TLS_PORT=, WSS_PORT= and MTLS_PORT="
	done
	return 0
}

[ "${1:-}" = prepare ] || [ $# = 0 ] || die "usage: cluster.sh [prepare]; BROKERS=2 or 3;" \
	"PORTS=18800, the first of a hundred ports, of which +1, +2, +11 to +17, +21 to +27, +31 to +37 are used"
[[ $brokers =~ ^[23]$ ]] || die "BROKERS: expected 2 or 3, not \"$brokers\""
[[ $ports =~ ^[0-9]{4,5}$ ]] && [ "$ports" -le 65400 ] || die "PORTS: expected a port, 1000 to 65400, not \"$ports\""
names=(broker-a broker-b broker-c)
names=("${names[@]:0:brokers}")
case $plugin in /*) ;; *) plugin=$PWD/$plugin ;; esac
now="'\$(date -u +%FT%TZ)'" # for whoever pastes the commands
mkdir -p "$run"
shown_run=$run
[ "${run#/}" != "$run" ] && shown_run=${run#"$PWD"/}
cd "$run"
run=$PWD
is_proxied=
[ -n "$in_containers" ] || ! is_2_1 || is_proxied=1
first=

exec 9>.cluster.lock # demo.sh has a lock of its own
flock -n 9 || die "these brokers are running in $run already"
files
[ "${1:-}" = prepare ] && exit 0

[ -r "$plugin" ] || die "no plugin at $plugin; build it with make"
free_ports
trap 'exit 130' INT
trap 'exit 143' TERM HUP
trap end_all EXIT
databases
start_brokers
owned_by haproxy haproxy
start haproxy haproxy haproxy TERM haproxy -db -f haproxy.cfg
wait_for haproxy "$tls_port"
help
attend
