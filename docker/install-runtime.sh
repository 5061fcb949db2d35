#!/usr/bin/env bash
# usage: docker/install-runtime.sh
#
# Makes a Debian system one that pgmahout runs on: the user and its directories, PostgreSQL and the libraries.
#
# PG_MAJOR (15)   major version of PostgreSQL
# PG_UID (999)    uid and gid of the user `postgres`: whom the data directory belongs to
# ROOT            a directory that stands for the system. Packages are then only looked up, not installed.
set -euo pipefail

major=${PG_MAJOR:-15}
uid=${PG_UID:-999}
root=${ROOT:-}
home=/var/lib/postgresql
packages=("postgresql-$major" libpq5 libssl3 zlib1g libisal2 libcurl4 ca-certificates tzdata)

fail() {
    printf '%s\n' "${0##*/}: $*" >&2
    exit 1
}

check_arguments() {
    [[ $major =~ ^[0-9]{2}$ ]] || fail "PG_MAJOR: '$major' is no major version of PostgreSQL"
    [[ $uid =~ ^[1-9][0-9]*$ ]] || fail "PG_UID: '$uid' is no uid of a user that is not root"
    [ -z "$root" ] || [ -d "$root" ] || fail "ROOT: there is no directory '$root'"
}

# Before the packages: they take over a user of this name instead of making one with another uid.
make_user() {
    local file prefix=()
    if [ -n "$root" ]; then
        prefix=(--prefix "$root")
        mkdir -p "$root/etc"
        for file in passwd group shadow gshadow; do touch "$root/etc/$file"; done
    fi
    grep -q '^postgres:' "$root/etc/passwd" && return
    groupadd "${prefix[@]}" --gid "$uid" postgres
    useradd "${prefix[@]}" --key UID_MIN=1 --uid "$uid" --gid "$uid" --home-dir "$home" --no-create-home \
        --shell /bin/bash postgres
}

install_packages() {
    local available
    [ -n "$root" ] || apt-get -qq update
    available=$(apt-cache show --no-all-versions "postgresql-$major" 2>/dev/null || true)
    [ -n "$available" ] ||
        fail "no package source here has postgresql-$major: build with a RUNTIME_IMAGE that has one"
    if [ -n "$root" ]; then
        apt-get -qq --simulate --no-install-recommends install "${packages[@]}" >"$root/packages"
        return
    fi
    # No cluster of the distribution's, and nothing started.
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${packages[@]}"
    apt-get clean
    rm -rf /var/lib/apt/lists/*
}

make_directories() {
    install -d -m 755 "$root/etc/pgmahout"
    install -d -m 700 -o "$uid" -g "$uid" "$root$home" "$root/run/pgmahout"
}

case ${1:-} in -h | --help) sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0" && exit ;; esac
check_arguments
make_user
install_packages
make_directories
