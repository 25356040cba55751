"""Who takes part: each peer, the interpreter that has it installed, and whether it is here."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import rabbitmq

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"

OURS = "ours"
STOCK = "stock"
RAW = "raw pyzmq"
RAW_PACKED = "raw pyzmq + msgpack"
GRPC_SYNC = "grpcio sync"
GRPC_AIO = "grpcio aio"
ZERO = "Zero"
RPYC = "RPyC"
THRIFT = "thriftpy2"
NAMEKO = "nameko"
# Ours once more, each with a difference that `bounds` measures.
HOOKED = "ours, one hook"
UNWATCHED = "ours, no watchdog"
BOUNDS = "ours, bounds"

# What each name runs: the module in peers/, and the environment below .peers ("" is this one).
_RUNS = {
    OURS: ("ours", ""),
    STOCK: ("stock", "stock"),
    RAW: ("raw_zmq", ""),
    RAW_PACKED: ("raw_packed", ""),
    GRPC_SYNC: ("grpc_sync", "bench"),
    GRPC_AIO: ("grpc_aio", "bench"),
    ZERO: ("zero_tcp", "bench"),
    RPYC: ("rpyc_threaded", "bench"),
    THRIFT: ("thrift", "bench"),
    NAMEKO: ("nameko_rabbit", "nameko"),
    HOOKED: ("ours_hooked", ""),
    UNWATCHED: ("ours_unwatched", ""),
    BOUNDS: ("ours_bounds", ""),
}

# Those that stand for what a team would pick instead.
RIVALS = (GRPC_SYNC, GRPC_AIO, ZERO, RPYC, THRIFT, NAMEKO)

_INSTALL = {
    "stock": "sh tests/interop/peers/install.sh .peers",
    "bench": "sh benchmarks/peers/install.sh .peers",
}
# Those that the benchmarks do without, since they take more than an environment.
_INSTALL_OPTIONAL = {"nameko": "sh benchmarks/peers/install.sh .peers nameko"}
# What an environment needs beside Python packages.
PROGRAMS: Mapping[str, Path] = {"nameko": rabbitmq.SERVER}
# Those whose server starts other programs, and ends them when it is asked to end.
_WITH_COMPANY = (NAMEKO,)


@dataclass(frozen=True, slots=True)
class Peer:
    """One library: what to run, and with which Python."""

    name: str
    module: str
    python: Path
    has_company: bool = False

    def command(self, *arguments: str, core: int | None = None) -> list[str]:
        """Give the command line that starts it as `server ...` or `client ...`."""
        pinned = [] if core is None else ["--core", str(core)]
        script = str(ROOT / "benchmarks" / "peer.py")
        return [str(self.python), script, self.module, *pinned, *arguments]


def peer(name: str) -> Peer:
    """Give a peer by the name that tables show."""
    module, environment = _RUNS[name]
    python = PEERS / environment / "bin" / "python" if environment else Path(sys.executable)
    return Peer(name, module, python, name in _WITH_COMPANY)


def absent(peers: Path = PEERS) -> list[str]:
    """Say which environments are missing, and how to get them: one line each."""
    return [
        f"{environment} peers are absent, run: {command}"
        for environment, command in _INSTALL.items()
        if not is_installed(environment, peers)
    ]


def left_out(peers: Path = PEERS, programs: Mapping[str, Path] = PROGRAMS) -> list[str]:
    """Say which optional peers no table will have, and how to get them: one line each."""
    return [
        f"{environment} is left out, to have it in the tables run: {command}"
        for environment, command in _INSTALL_OPTIONAL.items()
        if not is_installed(environment, peers, programs)
    ]


def is_installed(
    environment: str, peers: Path = PEERS, programs: Mapping[str, Path] = PROGRAMS
) -> bool:
    """Tell whether the installer came to its end, and what its peers run is here too."""
    program = programs.get(environment, peers)
    return (peers / environment / "installed").exists() and program.exists()


def present(*names: str, peers: Path = PEERS, programs: Mapping[str, Path] = PROGRAMS) -> list[str]:
    """Give those of the names that can run here."""
    needed = ((name, _RUNS[name][1]) for name in names)
    return [name for name, each in needed if not each or is_installed(each, peers, programs)]
