#!/usr/bin/env bash
# Behaves as the entry point of the official `postgres` image does: the first start makes the cluster, the user and the
# database that the variables ask for, with a temporary server that no other host reaches; then the real server takes the
# place of this program, so that it gets the container's signals.
set -euo pipefail

# from_file VARIABLE [DEFAULT]: the variable, or what is in the file that VARIABLE_FILE names.
from_file() {
    local name=$1 file=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        printf >&2 'error: both %s and %s are set (but are exclusive)\n' "$name" "$file"
        exit 1
    fi
    if [ -n "${!file:-}" ]; then export "$name"="$(<"${!file}")"; else export "$name"="${!name:-${2:-}}"; fi
    unset "$file"
}

# The images of 18 and later refuse a volume at the place that those before them used: it would stay empty.
refuse_unused_volume() {
    if [ "$(cat /etc/postgresql-common/volume)" != /var/lib/postgresql ] || [ -s "$PGDATA/PG_VERSION" ]; then return; fi
    if grep -q ' /var/lib/postgresql/data ' /proc/self/mountinfo; then
        cat >&2 <<-EOM
		Error: in 18+, these Docker images are configured to store database data in a
		       format which is compatible with "pg_ctlcluster" (specifically, using
		       major-version-specific directory names).

		       Counter to that, there appears to be PostgreSQL data in:
		         /var/lib/postgresql/data (unused mount/volume)
		EOM
        exit 1
    fi
}

verify_password() {
    if [ -n "$POSTGRES_PASSWORD" ] || [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then return; fi
    cat >&2 <<-'EOM'
	Error: Database is uninitialized and superuser password is not specified.
	       You must specify POSTGRES_PASSWORD to a non-empty value for the
	       superuser. For example, "-e POSTGRES_PASSWORD=password" on "docker run".

	       You may also use "POSTGRES_HOST_AUTH_METHOD=trust" to allow all
	       connections without a password. This is *not* recommended.

	       See PostgreSQL documentation about "trust":
	       https://www.postgresql.org/docs/current/auth-trust.html
	EOM
    exit 1
}

process_sql() {
    PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --no-password --no-psqlrc "$@"
}

process_init_file() {
    printf '%s: running %s\n' "$0" "$1"
    case $1 in
        *.sh) if [ -x "$1" ]; then "$1"; else . "$1"; fi ;;
        *.sql) process_sql --dbname "$POSTGRES_DB" -f "$1" ;;
        *.sql.gz) gunzip -c "$1" | process_sql --dbname "$POSTGRES_DB" ;;
        *) printf '%s: ignoring %s\n' "$0" "$1" ;;
    esac
    printf '\n'
}

initialise() {
    # shellcheck disable=SC2086 # the variable holds several arguments
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") ${POSTGRES_INITDB_ARGS:-}
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"

    # On its socket alone, so that nothing outside takes the half-made database for the finished one.
    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -p 5432" -w start
    if [ "$POSTGRES_DB" != postgres ]; then
        process_sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
        printf '\n'
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        if [ -e "$file" ]; then process_init_file "$file"; fi
    done
    PGUSER=$POSTGRES_USER pg_ctl -D "$PGDATA" -m fast -w stop
    printf '\nPostgreSQL init process complete; ready for start up.\n\n'
}

if [ "${1:-}" = "" ] || [ "${1#-}" != "$1" ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi
# What only prints something needs no cluster.
for argument in "$@"; do
    case $argument in -\? | --help | --describe-config | -V | --version) exec "$@" ;; esac
done

if [ "$(id -u)" = 0 ]; then
    refuse_unused_volume
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    chmod 2775 /var/run/postgresql
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ -s "$PGDATA/PG_VERSION" ]; then
    printf '\nPostgreSQL Database directory appears to contain a database; Skipping initialization\n\n'
else
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    : "${POSTGRES_HOST_AUTH_METHOD:=}"
    verify_password
    initialise
fi
exec "$@"
