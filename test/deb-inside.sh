#!/bin/bash
# Runs inside a small Debian system (deb.sh): the life of the package in /mnt/petstore.deb.
set -uo pipefail

# shellcheck source=test/count.sh
. /mnt/count.sh

broker=''
conf=/etc/mosquitto/conf.d/petstore.conf
dir=/etc/mosquitto/petstore

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends "$@"; }

# The service as its unit starts it: systemd does not run here.
unit() { sed -n "s/^$1=//p" /lib/systemd/system/mosquitto.service; }

start()
{
	local line user
	while read -r line; do $line; done < <(unit ExecStartPre)
	user=$(unit User)
	# Since 2.1 the unit names the user and its folders; before, the broker changes user itself.
	install -d -o mosquitto -m 740 /run/mosquitto /var/log/mosquitto
	if [ -n "$user" ]; then
		# shellcheck disable=SC2046 # the unit's words
		runuser -u "$user" -- $(unit ExecStart) &
	else
		bash -c "exec $(unit ExecStart)" &
	fi
	broker=$!
	for _ in {1..100}; do
		grep -q 'version .* running' /var/log/mosquitto/mosquitto.log 2>/dev/null && return 0
		kill -0 $broker 2>/dev/null || break
		sleep 0.1
	done
	cat /var/log/mosquitto/mosquitto.log
	return 1
}

stop()
{
	kill "$broker"
	wait "$broker"
	local status=$?
	cat /var/log/mosquitto/mosquitto.log >>/tmp/all.log
	rm -f /var/log/mosquitto/mosquitto.log
	return $status
}

publish() # user, topic, payload
{
	timeout 20 mosquitto_pub -h localhost -p "$tls" --cafile $dir/ca.crt -V 5 -q 1 \
		-u "$1" -P "$(sed -n "s/^$1 //p" $dir/credentials)" -t "$2" -m "$3" 2>&1
}

stock() { printf '{"productId":"p1","quantity":%s,"updatedAt":"2026-01-15T10:30:00Z"}' "$1"; }
is_accepted() { local out; out=$(publish inventory-service inventory/p1/stock "$(stock 3)") && [ -z "$out" ]; }
is_refused() { publish inventory-service inventory/p1/stock "$(stock -3)" | grep 'Not authorized'; }

# Is there what @1 says is there, plugin and contract?
files_of()
{
	local file
	for file in $(sed -nE 's/^(plugin|plugin_opt_contract) //p' "$1"); do
		ls "$file" || return 1
	done
	[ "$(grep -cE '^(plugin|plugin_opt_contract) ' "$1")" = 2 ]
}

doc=/usr/share/doc/mosquitto-petstore
lints()
{
	ls "$1/access.schema.json" $doc/{README.Debian,copyright,README.md,docs/troubleshooting.md,schemas/README.md,examples/python/orders.py} &&
		petstorectl lint --contract "$1/petstore.asyncapi.json"
}

use_ports()
{
	ports
	sed -i "s/^listener 8883/listener $tls/; s/^listener 8084/listener $wss/
		s/^listener 8884/listener $mtls/; s/^listener 1883/listener $plain/" $conf
}

printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d # no services in here
chmod 755 /usr/sbin/policy-rc.d
apt update >/dev/null 2>&1
check "it installs, with what it depends on" apt install /mnt/petstore.deb mosquitto-clients
mapfile -t files < <(dpkg -L mosquitto-petstore | grep -E 'petstore')
manual() { zgrep -q plugin_opt_database /usr/share/man/man5/mosquitto_petstore.5.gz && zgrep -q '^.SS refusals' /usr/share/man/man1/petstorectl.1.gz; }
check "the manual pages are there, filled in" manual
share=/usr/share/mosquitto-petstore
check "an example configuration names the files where they are" files_of $share/mosquitto.conf.example
check "the contract, its guide and schemas are there" lints $share/schemas
dropin=/usr/lib/systemd/system/mosquitto.service.d/petstore.conf
check "the unit's drop-in is installed" cmp $dropin $share/systemd.conf
# The folders that the drop-in leaves to be written are those that the configuration writes to.
is_writable() { grep -q "^ReadWritePaths=.*-$1\\( \\|$\\)" $dropin; }
check "it leaves what the broker writes" eval 'is_writable /var/lib/mosquitto && is_writable /var/log/mosquitto'
check "petstorectl runs" petstorectl version
completions() { ls /usr/share/{bash-completion/completions/petstorectl,zsh/vendor-completions/_petstorectl,fish/vendor_completions.d/petstorectl.fish}; }
check "its command lines are completed" completions
check "installing alone changes no configuration" test ! -e $conf
main=/etc/mosquitto/mosquitto.conf
mv $main $main.away
check "petstore-setup misses the broker's own configuration" eval \
	'! petstore-setup 2>/tmp/missed && grep "mosquitto.conf cannot be read" /tmp/missed && test ! -e $dir'
mv $main.away $main
check "petstore-setup makes certificates, accounts, configuration" petstore-setup
check "nobody else reads the passwords" test "$(stat -c '%U %a' $dir $dir/credentials | tr '\n' ' ')" = "mosquitto 750 mosquitto 600 "
use_ports
check "the service's configuration starts" start
check "a message is accepted" is_accepted
check "another is refused" is_refused
check "it stops" stop
console=${conf%.conf}_console.conf
page=/var/lib/mosquitto/petstore-console/index.html
check "without being asked, no console" test ! -e $console
served() # the first bytes of the page that is at the console's port
{
	exec 3<>"/dev/tcp/127.0.0.1/$http" || return 1
	printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
	timeout 20 head -c 3000 <&3
	exec 3>&-
}
shows() { served / | grep '^<!doctype html>'; }
check "petstore-setup makes a console" eval 'CONSOLE_PORT=$http petstore-setup'
check "which is the page that was installed" cmp $page $share/console/index.html
check "that starts" start
check "the console is served" shows
check "and what is in the broker's other folder is not" not eval 'served /../petstore.db | grep SQLite'
check "a message is still accepted" is_accepted
check "it stops" stop
echo old >$page
cp $conf /tmp/conf
check "petstore-setup again" petstore-setup
check "keeps what is there" cmp $conf /tmp/conf

check "it is removed" apt remove mosquitto-petstore
check "with the drop-in" test ! -e $dropin -a ! -e ${dropin%/*}
check "its configuration is put aside" test ! -e $conf -a -e $conf.removed -a ! -e $console -a -e $console.removed
check "the broker starts without it" start
check "and stops" stop
check "it installs again" apt install /mnt/petstore.deb
check "its configuration is back" cmp $conf /tmp/conf
check "and the console's, with the new page" eval 'test -e $console && cmp $page $share/console/index.html'
check "and starts" start
check "the console, too" shows
check "with the accounts that were" is_accepted
check "and stops" stop
check "it is purged" apt purge mosquitto-petstore
check "no file is left" not ls -d "${files[@]}" $dir $conf $conf.removed $console $console.removed ${page%/*}
check "but the database" test -s /var/lib/mosquitto/petstore.db
check "the broker starts without it" start
check "and stops" stop
closing
