#!/bin/bash
# Run once by PostgreSQL's image, when the server is made: the brokers' role, which owns their
# database, and the standby's. From the next start a commit waits until the standby has it, too.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'END'
CREATE ROLE petstore LOGIN PASSWORD :'password';
CREATE ROLE standby LOGIN REPLICATION PASSWORD :'password';
CREATE DATABASE petstore OWNER petstore;
ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)';
END
echo 'host replication standby all scram-sha-256' >>"$PGDATA/pg_hba.conf"
