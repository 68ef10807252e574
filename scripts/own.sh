#!/bin/bash
# A broker for documents of one's own: petstorectl init makes accounts, a configuration and
# commands to paste in RUN_DIR where there are none yet; then this becomes mosquitto.
#
#     CONTRACT   a document, a folder of documents, or several by spaces
#     RUN_DIR    the folder; what is there, and was edited, is kept for the next run
#     PLUGIN, TOOL, PLAIN_PORT
#     CONSOLE_PORT   as demo.sh knows it; its listeners come behind the lines of mosquitto.conf, in run.conf
set -euo pipefail
umask 077

run=$RUN_DIR
port=${PLAIN_PORT:-1883}

die() { printf 'run: %s\n' "$*" >&2; exit 1; }

is_taken() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

# What the folder was made of, and for.
made_of()
{
	local document
	for document in "${documents[@]}"; do
		realpath -e -- "$document" || exit 1
	done
	printf 'port %s\n' "$port"
}

documents=("$CONTRACT")
[ -e "$CONTRACT" ] || read -r -a documents <<<"$CONTRACT"
PATH=$PATH:/usr/sbin:/usr/local/sbin # mosquitto's place, not in everyone's PATH
made=$(made_of) || die "CONTRACT: expected AsyncAPI documents, or folders of them"

mkdir -p "$(dirname "$run")"
if [ -e "$run/.made" ]; then
	[ "$made" = "$(cat "$run/.made")" ] ||
		die "$run has accounts for other documents or another port: remove it, or choose another with RUN_DIR="
	cat "$run/commands.txt"
else
	"$TOOL" init "${documents[@]}" --out "$run" --port "$port" --plugin "$PLUGIN" || exit 1
	printf '%s\n' "$made" >"$run/.made"
fi
conf=$run/mosquitto.conf console=
if [ -n "${CONSOLE_PORT:-}" ]; then
	console=$(RUN_DIR=$run CONSOLE_MQTT=mqtt://127.0.0.1:$port "$(dirname "$0")/demo.sh" console) || exit 1
fi
if [ -n "$console" ]; then
	conf=$run/run.conf
	cat "$run/mosquitto.conf" "$run/console.conf" >"$conf"
	printf '\nIn a browser on this machine, see the contract and try it, as one of the users above:\n  http://127.0.0.1:%s/\n' "$console"
fi
exec 9>"$run/.lock" # held as long as the broker lives: two brokers must not share a database
flock -n 9 || die "a broker is running in $run already (pid $(cat "$run/mosquitto.pid" 2>/dev/null || true)): end that one," \
	"or name another folder with RUN_DIR= and ports of its own"
if is_taken; then
	die "port $port is taken (by another \`make run\`, or by the system's own mosquitto service?); choose another with PLAIN_PORT="
fi
cat <<END

Edit the documents or $run/access.json, then let them be read again:
  kill -HUP \$(cat $(printf '%q' "$run")/mosquitto.pid)

The broker runs here (its first command above is this); Ctrl-C ends it, and its files stay for the next run.

END
echo $$ >"$run/mosquitto.pid"
exec mosquitto -c "$conf"
