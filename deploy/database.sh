#!/bin/sh
# Runs once, when PostgreSQL's data is made: a role and a database for Recado. The role owns its database and
# nothing else; the superuser is for whoever maintains the server.
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname=postgres <<'SQL'
\set password `cat "$RECADO_PASSWORD_FILE"`
CREATE ROLE recado LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
CREATE DATABASE recado OWNER recado TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE recado, postgres FROM PUBLIC;
SQL
