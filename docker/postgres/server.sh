#!/bin/bash
# The entry point of both servers of compose.cluster.yaml: one is the primary, and the other follows
# it. Which one is which is found out at each start, so that one that was killed comes back as the
# standby of the one that was promoted in its place.
#
# OTHER                                     the other one's host
# BEGINS                                    not empty: makes the database, where neither has one
# POSTGRES_USER, POSTGRES_PASSWORD, PGDATA  as in PostgreSQL's image, which starts the server
set -euo pipefail
umask 077
export PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=2 LC_ALL=C

say() { printf 'server.sh: %s\n' "$*" >&2; }

# Asks this server, or with "-h HOST" another one.
ask() { psql -XqAt -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres "$@" 2>/dev/null; }

# Of a primary that runs: later with each promotion. Nothing of a standby.
timeline()
{
	local found
	found=$(ask "$@" -c "SELECT CASE WHEN NOT pg_is_in_recovery()
		THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END") && [ -n "$found" ] && echo "$found"
}

# Of what was a primary, before it is started; nothing where no database is. Each promotion leaves a file.
timeline_here()
{
	[ -s "$PGDATA/PG_VERSION" ] || return 0
	find "$PGDATA/pg_wal" -name '????????.history' -printf '%f\n' | sort | tail -n 1 | grep -o '^........' ||
		echo 00000001
}

# In place of what is here, which is put aside: it may have what nobody was told is kept.
copy()
{
	rm -rf "$PGDATA.new"
	pg_basebackup -D "$PGDATA.new" -R -c fast \
		-d "host=$OTHER user=standby application_name=standby" || return 1
	# It waits for no standby when it is promoted: there is none then.
	sed -i '/^synchronous_standby_names/d' "$PGDATA.new/postgresql.auto.conf"
	if [ -e "$PGDATA" ]; then
		rm -rf "$PGDATA.before"
		mv "$PGDATA" "$PGDATA.before"
		say "what was here is in $PGDATA.before"
	fi
	mv "$PGDATA.new" "$PGDATA"
	say "follows $OTHER"
}

# Once a standby follows, a commit of the primary is to be on both.
is_awaited()
{
	[ "$(ask -c "SELECT status FROM pg_stat_wal_receiver")" = streaming ] || return 0
	[ -z "$(ask -h "$OTHER" -c "SHOW synchronous_standby_names")" ] || return 0
	ask -h "$OTHER" -c "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'" \
		-c "SELECT pg_reload_conf()" >/dev/null
}

# Where both were primaries, and neither saw the other when it started: the one that was promoted last
# stays. The other one ends, and is a standby when it is started again. Its commits waited for one.
attend()
{
	local mine theirs
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		if ! mine=$(timeline); then
			is_awaited || true
		elif theirs=$(timeline -h "$OTHER") && [[ $theirs > $mine ]]; then
			say "$OTHER was promoted"
			pg_ctl -m immediate stop || true
		fi
	done
}

while [ ! -e "$PGDATA/standby.signal" ]; do
	here=$(timeline_here)
	if there=$(timeline -h "$OTHER") && [[ $there > $here ]]; then
		copy && break
	elif [ -n "$here" ]; then
		break
	elif [ -n "${BEGINS:-}" ] && ! ask -h "$OTHER" -c "SELECT" >/dev/null; then
		break
	fi
	sleep 1
done
(attend &)
exec docker-entrypoint.sh postgres "$@"
