#!/usr/bin/env bash
# usage: DESTDIR=DIR docker/build.sh
#
# Builds the three programs as they ship and lays them out under DIR as in the image. PGMAHOUT_BINARIES names a
# directory with programs that are built already.
set -euo pipefail
# shellcheck source=scripts/lib/common.sh
source "$(dirname "$0")/../scripts/lib/common.sh"

main() {
    local from=${PGMAHOUT_BINARIES:-} product
    case ${1:-} in -h | --help) print_usage "$0" && return ;; esac
    [ -n "${DESTDIR:-}" ] || fail "DESTDIR: the directory that becomes the top of the image"
    if [ -z "$from" ]; then
        "$repository/scripts/install-dependencies" build
        "$repository/scripts/build" --release
        from=$repository/.build/dist
    fi
    for product in "${binaries[@]}"; do
        [ -x "$from/$product" ] || fail "there is no program '$from/$product'"
        install -D -m 755 "$from/$product" "$DESTDIR/usr/local/bin/$product"
    done
    install -D -m 644 "$repository/LICENSE" "$DESTDIR/usr/share/doc/pgmahout/LICENSE"
}

main "$@"
