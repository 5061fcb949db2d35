# Sourced by every script here: where things are, how to speak, and who runs postgres.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by the scripts that source this
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The version that the packages below bring; PGMAHOUT_POSTGRES_BIN points at another one.
postgres_version=15
postgres_bin=${PGMAHOUT_POSTGRES_BIN:-/usr/lib/postgresql/$postgres_version/bin}

# The system's own interpreter: Debian's python3-psycopg belongs to it, and to no other python3 on PATH.
python=/usr/bin/python3

binaries=(pgmahout pgmahout-guard pgmahout-wal)

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "${0##*/}: $*"
    exit 1
}

# Prints the lines at the top of the calling script, from the second on, as its help.
print_usage() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$1"
}

# Runs a command as the user that postgres runs as: it refuses root.
as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"
    else
        "$@"
    fi
}

# Prints a new directory that the postgres user can enter, whatever TMPDIR and umask say.
make_reachable_directory() {
    local parent directory
    for parent in "${TMPDIR:-/tmp}" /tmp; do
        as_postgres test -x "$parent" 2>/dev/null || continue
        directory=$(mktemp -d "$parent/pgmahout-$1.XXXXXX") || continue
        chmod 755 "$directory"
        printf '%s\n' "$directory"
        return
    done
    fail "no directory for temporary files that the user of postgres can enter: set TMPDIR to one"
}
