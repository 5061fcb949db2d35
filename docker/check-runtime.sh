#!/usr/bin/env bash
# usage: docker/check-runtime.sh
#
# Fails unless what the image consists of fits together: programs with all their libraries, PostgreSQL, the user and its
# directories. PG_MAJOR, PG_UID and ROOT as for install-runtime.sh; with ROOT PostgreSQL is not looked for.
# SHARED_SWIFT=1 accepts programs that were built for tests, without the Swift runtime in them.
set -euo pipefail

major=${PG_MAJOR:-15}
uid=${PG_UID:-999}
root=${ROOT:-}
mistakes=0

complain() {
    printf '%s\n' "${0##*/}: $*" >&2
    mistakes=$((mistakes + 1))
}

check_program() {
    local program=$root/usr/local/bin/$1 libraries
    [ -x "$program" ] || { complain "there is no program '$program'" && return; }
    # Static programs have none.
    libraries=$(ldd "$program" 2>/dev/null || true)
    if grep -q 'not found' <<<"$libraries"; then
        complain "$1 lacks: $(awk '/not found/ { print $1 }' <<<"$libraries" | sort -u | xargs)"
    fi
    if [ -z "${SHARED_SWIFT:-}" ] && grep -q libswift <<<"$libraries"; then
        complain "$1 needs a Swift runtime: it is not a build of scripts/build"
    fi
}

check_postgres() {
    local program
    for program in postgres initdb pg_basebackup pg_rewind pg_controldata; do
        [ -x "/usr/lib/postgresql/$major/bin/$program" ] || complain "PostgreSQL $major has no program '$program'"
    done
}

check_owner() {
    local found
    found=$(stat -c '%u:%g' "$root$1" 2>/dev/null || echo nobody)
    [ "$found" = "$uid:$uid" ] || complain "'$root$1' belongs to $found, not to $uid:$uid"
}

for program in pgmahout pgmahout-guard pgmahout-wal; do check_program "$program"; done
grep -q "^postgres:[^:]*:$uid:$uid:" "$root/etc/passwd" || complain "there is no user postgres with uid and gid $uid"
check_owner /var/lib/postgresql
check_owner /run/pgmahout
[ -n "$root" ] || check_postgres
[ "$mistakes" -gt 0 ] || "$root/usr/local/bin/pgmahout" version >/dev/null || complain "pgmahout does not start"
[ "$mistakes" -eq 0 ]
