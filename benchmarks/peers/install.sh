#!/bin/sh
# Installs the peers of the benchmarks into PREFIX/bench, a virtual environment of its own, so
# that neither the project's environment nor a peer's dependencies meet. What it installs is in
# requirements.txt beside this script. (Stock zerorpc, the other peer, is in PREFIX/stock:
# tests/interop/peers/install.sh.)
#
# A second run finds the stamp of the first and does nothing.
# PYTHON names the interpreter (default: python3).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:?usage: install.sh PREFIX}
python=${PYTHON:-python3}
mkdir -p "$prefix"
venv=$(cd "$prefix" && pwd)/bench

# The stamp names the interpreter too: another Python makes another environment.
want="$("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ')$(cat "$here/requirements.txt")"
[ "$(cat "$venv/installed" 2>/dev/null)" = "$want" ] && exit 0
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
printf '%s\n' "$want" >"$venv/installed"
