#!/bin/sh
# Installs the peers that the interoperability tests talk to, below PREFIX (first argument):
#   PREFIX/stock   a virtual environment with zerorpc 0.6.3 from PyPI and its own dependencies
#   PREFIX/node    zerorpc 0.9.8 from npm, see package.json beside this script
#
# A second run finds the stamps of the first and does nothing. A peer that this machine cannot
# have leaves PREFIX/NAME.missing with the reason: the tests then skip it, or fail under CI=true.
# PYTHON names the interpreter of the stock peer (default: python3).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:?usage: install.sh PREFIX}
python=${PYTHON:-python3}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)

missing() {
    echo "$2" >"$prefix/$1.missing"
    echo "interop peer '$1' is missing: $2" >&2
}

install_stock() {
    venv=$prefix/stock
    # The stamp names the interpreter, so that another Python makes another environment.
    want="zerorpc==0.6.3 $("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ')"
    [ "$(cat "$venv/installed" 2>/dev/null)" = "$want" ] && return 0
    rm -rf "$venv"
    "$python" -m venv "$venv" || return 1
    # setuptools: 0.6.3 and `future` are source distributions.
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check setuptools wheel || return 1
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'zerorpc==0.6.3' || return 1
    "$venv/bin/python" -c 'import zerorpc' || return 1
    echo "$want" >"$venv/installed"
}

find_npm() {
    command -v npm >/dev/null && command -v node >/dev/null && return 0
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
    fi
    command -v npm >/dev/null && command -v node >/dev/null
}

install_node() {
    root=$prefix/node
    want="$(cat "$here/package.json" "$here/zeromq-shim/package.json" "$here/zeromq-shim/index.js")"
    [ "$(cat "$root/installed" 2>/dev/null)" = "$want" ] && return 0
    rm -rf "$root"
    mkdir -p "$root"
    cp -R "$here/package.json" "$here/zeromq-shim" "$root/"
    # No lock file: it would hold the address of whichever registry this machine uses.
    (cd "$root" && npm install --ignore-scripts --no-package-lock --no-audit --no-fund --silent) || return 1
    (cd "$root" && node -e 'require("zerorpc")') || return 1
    printf '%s\n' "$want" >"$root/installed"
}

rm -f "$prefix/stock.missing" "$prefix/node.missing"
install_stock || missing stock "zerorpc 0.6.3 could not be installed with $python"
if find_npm; then
    install_node || missing node "zerorpc-node 0.9.8 could not be installed with npm"
else
    missing node "node and npm are not here, and installing them takes Debian and root"
fi
