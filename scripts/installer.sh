#!/bin/sh
# Installs Backlot: downloads the archive for this machine, checks its SHA-256 sum, and puts the program, completions and
# man pages into ~/.local, or where PREFIX says. Run again, it upgrades. No root, no other tools than every system has.
#
#   sh install.sh             installs or upgrades
#   sh install.sh --remove    removes what it has installed; the data of environments stays
#
#   PREFIX              where to [default: ~/.local]
#   BACKLOT_BASE_URL    where the files are; file:// works, too
set -eu

base_url=${BACKLOT_BASE_URL:-}
prefix=${PREFIX:-${HOME:?is not set: set PREFIX}/.local}

fail() {
    echo "error: $*" >&2
    exit 1
}

remove() {
    share=$prefix/share
    [ -e "$prefix/bin/backlot" ] || fail "there is no $prefix/bin/backlot (PREFIX says where it is)"
    rm -f "$prefix/bin/backlot" "$share/bash-completion/completions/backlot" "$share/zsh/site-functions/_backlot" \
        "$share/fish/vendor_completions.d/backlot.fish" "$share/man/man1/backlot.1" "$share/man/man1"/backlot-*.1
    rm -rf "$share/doc/backlot"
    echo "Backlot is removed from $prefix. What environments have kept is in ${BACKLOT_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/backlot}"
    echo "(as root in /var/lib/backlot): remove it when you need none of it any more."
}

# fetch NAME FILE: downloads one of the files.
fetch() {
    case $base_url in
        file://*) cp "${base_url#file://}/$1" "$2" || fail "cannot read $base_url/$1"; return ;;
    esac
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --output "$2" "$base_url/$1" || fail "cannot download $base_url/$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$2" "$base_url/$1" || fail "cannot download $base_url/$1"
    else
        fail "there is neither curl nor wget here"
    fi
}

sum_of() {
    if command -v sha256sum >/dev/null 2>&1; then sha256sum "$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then shasum -a 256 "$1" | cut -d ' ' -f 1
    else fail "there is neither sha256sum nor shasum here, so what was downloaded cannot be checked"
    fi
}

# The archive for this machine, of those that the sums name: a static one runs on every Linux.
archive_for_here() {
    case $(uname -m) in
        x86_64 | amd64) cpu=x86_64 ;;
        aarch64 | arm64) cpu=aarch64 ;;
        *) fail "there is no Backlot for $(uname -m): cargo install backlot builds one" ;;
    esac
    case $(uname -s) in
        Linux) systems='unknown-linux-musl unknown-linux-gnu' ;;
        Darwin) systems=apple-darwin ;;
        *) fail "there is no Backlot for $(uname -s)" ;;
    esac
    for system in $systems; do
        line=$(grep "  backlot-[0-9][^ ]*-$cpu-$system\.tar\.gz\$" "$1" || true)
        if [ -n "$line" ]; then
            echo "$line"
            return
        fi
    done
    fail "there is no archive for $cpu-$system at $base_url"
}

install() {
    [ -n "$base_url" ] || fail "BACKLOT_BASE_URL has to say where Backlot is downloaded from"
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    fetch SHA256SUMS "$work/sums"
    line=$(archive_for_here "$work/sums")
    wanted=${line%% *}
    archive=${line##* }
    fetch "$archive" "$work/$archive"
    found=$(sum_of "$work/$archive")
    [ "$found" = "$wanted" ] || fail "$base_url/$archive is not what was published: its SHA-256 sum is $found, and has to be $wanted.
Nothing was installed."
    tar -xzf "$work/$archive" -C "$work"
    tree=$work/${archive%.tar.gz}
    "$tree/bin/backlot" -V >/dev/null || fail "the program does not run on this machine. Nothing was installed."
    mkdir -p "$prefix/bin" "$prefix/share" || fail "cannot write into $prefix: set PREFIX"
    # Pages of verbs that are no more go; the program comes last, in one step, while an older one may run.
    rm -f "$prefix/share/man/man1"/backlot-*.1
    cp -R "$tree/share/." "$prefix/share"
    cp "$tree/bin/backlot" "$prefix/bin/.backlot.new"
    mv -f "$prefix/bin/.backlot.new" "$prefix/bin/backlot"
    echo "$("$prefix/bin/backlot" --version) is in $prefix/bin"
    case :${PATH:-}: in
        *":$prefix/bin:"*) ;;
        *) echo "$prefix/bin is not on your PATH. For sh, bash and zsh: export PATH=\"$prefix/bin:\$PATH\"" ;;
    esac
}

case ${1:-} in
    '') install ;;
    --remove) remove ;;
    *) fail "what is $1? Without arguments this installs; --remove removes" ;;
esac
