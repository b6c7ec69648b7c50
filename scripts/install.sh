# Installs what `./demo` and `./test` need and the machine lacks. Sourced by both; says what it installs, and does
# nothing twice.
# shellcheck shell=bash

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# As root, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die "'$*' needs root, and there is no sudo"
    fi
}

# Debian packages; asks apt for nothing when all are there.
apt_install() {
    command -v apt-get >/dev/null || die "please install what '$*' is called here: there is no apt-get"
    say "installing $* (apt-get)"
    # What apt says is shown only when it fails.
    local log; log=$(mktemp)
    if [ -z "${apt_updated:-}" ]; then
        as_root apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; die "apt-get update failed"; }
        apt_updated=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$log" 2>&1 ||
        { cat "$log" >&2; die "apt-get could not install $*"; }
    rm -f "$log"
}

# The mirror that this machine's apt uses for Debian, whatever its form of source list.
debian_mirror() {
    local found
    # shellcheck disable=SC2016 # apt's variables, not ours
    found=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN)' 2>/dev/null | awk '/ Debian$/ && !/security/ {print $1; exit}')
    if [ -z "$found" ]; then
        # Before its first update, apt does not know what is behind an address.
        found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
            grep -oE 'https?://[^ ]*/debian/?([[:space:]]|$)' | head -n 1 | tr -d '[:space:]')
    fi
    [ -n "$found" ] || die "this machine's apt names no Debian mirror"
    printf '%s\n' "$found"
}

have_postgres() {
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null
}

# The server's programs, without a cluster of the system's own on port 5432.
need_postgres() {
    have_postgres && return
    if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
        apt_install postgresql-common
        as_root sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    fi
    apt_install postgresql
}

need_compiler() {
    command -v cargo >/dev/null || die "Rust is missing: see https://rustup.rs"
    command -v cc >/dev/null || apt_install gcc libc6-dev
}

# The system's Python: a virtual environment made with it can be used by every user.
python() { if [ -x /usr/bin/python3 ]; then echo /usr/bin/python3; else command -v python3; fi; }

# need_venv DIRECTORY REQUIREMENTS: a virtual environment with those requirements, made anew when they change.
need_venv() {
    local directory=$1 requirements=$2 wanted
    # Each requirements file of the folder counts: they refer to each other.
    wanted=$(cat "$(dirname "$requirements")"/*.txt | cksum)
    if [ "$(cat "$directory/.made-from" 2>/dev/null)" = "$wanted" ]; then return; fi
    [ -n "$(python)" ] || apt_install python3
    "$(python)" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
    say "installing $requirements into $directory (pip)"
    rm -rf "$directory"
    "$(python)" -m venv "$directory"
    "$directory/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    echo "$wanted" > "$directory/.made-from"
}

# without_services apt_install PACKAGE...: what the packages would start is kept from starting.
without_services() {
    local policy=/usr/sbin/policy-rc.d made=
    if ! [ -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod +x $policy
        made=1
    fi
    "$@"
    if [ -n "$made" ]; then as_root rm -f $policy; fi
}

# nginx itself, without a server of the system's own.
need_nginx() {
    if command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then return; fi
    without_services apt_install nginx-light
}

# Redis itself, likewise.
need_redis() {
    if command -v redis-server >/dev/null; then return; fi
    without_services apt_install redis-server
}
