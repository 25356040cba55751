#!/bin/sh
# Installs the peers of the benchmarks, each group in a virtual environment of its own, so that
# neither the project's environment nor a peer's dependencies meet:
#   install.sh PREFIX           PREFIX/bench, from requirements.txt beside this script
#   install.sh PREFIX nameko    PREFIX/nameko, from requirements-nameko.txt, and RabbitMQ, which
#                               as root on Debian comes from apt; the benchmarks do without both
# (Stock zerorpc, the other peer, is in PREFIX/stock: tests/interop/peers/install.sh.)
#
# A second run finds the stamp of the first and does nothing.
# PYTHON names the interpreter (default: python3).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
usage="usage: install.sh PREFIX [nameko]"
prefix=${1:?$usage}
python=${PYTHON:-python3}
mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)

# install_peers VENV REQUIREMENTS
install_peers() {
    venv=$prefix/$1
    # The stamp names the interpreter too: another Python makes another environment.
    want="$("$python" -c 'import sys; print(sys.version)' | tr '\n' ' ')$(cat "$2")"
    [ "$(cat "$venv/installed" 2>/dev/null)" = "$want" ] && return 0
    rm -rf "$venv"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"
    printf '%s\n' "$want" >"$venv/installed"
}

# The program only: the benchmarks start a broker of their own, so the service that the package
# brings is neither started now nor with the machine.
install_rabbitmq() {
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "RabbitMQ is missing, and installing it takes Debian and root" >&2
        return 1
    fi
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null
    update-rc.d rabbitmq-server disable
}

case ${2:-} in
    "") install_peers bench "$here/requirements.txt" ;;
    nameko)
        install_rabbitmq
        install_peers nameko "$here/requirements-nameko.txt"
        ;;
    *)
        echo "$usage" >&2
        exit 2
        ;;
esac
