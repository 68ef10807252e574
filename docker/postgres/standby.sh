#!/bin/bash
# A server that follows the host "primary": a copy of it, made once. PGPASSWORD is the password of
# the role standby, PGDATA the folder.
set -euo pipefail
umask 077

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	until pg_basebackup -D "$PGDATA" -R -c fast \
		-d 'host=primary user=standby application_name=standby'; do
		rm -rf "$PGDATA"
		sleep 1
	done
	# It waits for no standby when it is promoted: there is none then.
	sed -i '/^synchronous_standby_names/d' "$PGDATA/postgresql.auto.conf"
fi
exec postgres
