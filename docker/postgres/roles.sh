#!/bin/bash
# Run once by PostgreSQL's image, when the database is made: the brokers' role, which owns their
# database, and the standby's.
set -euo pipefail

psql -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -U "$POSTGRES_USER" -d postgres <<'END'
CREATE ROLE petstore LOGIN PASSWORD :'password';
CREATE ROLE standby LOGIN REPLICATION PASSWORD :'password';
CREATE DATABASE petstore OWNER petstore ENCODING 'UTF8' TEMPLATE template0;
END
echo 'host replication standby all scram-sha-256' >>"$PGDATA/pg_hba.conf"
