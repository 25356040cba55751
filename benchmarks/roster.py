"""Who takes part: each peer, the interpreter that has it installed, and whether it is here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

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
    HOOKED: ("ours_hooked", ""),
    UNWATCHED: ("ours_unwatched", ""),
    BOUNDS: ("ours_bounds", ""),
}

# Those that stand for what a team would pick instead.
RIVALS = (GRPC_SYNC, GRPC_AIO, ZERO, RPYC, THRIFT)

_INSTALL = {
    "stock": "sh tests/interop/peers/install.sh .peers",
    "bench": "sh benchmarks/peers/install.sh .peers",
}


@dataclass(frozen=True, slots=True)
class Peer:
    """One library: what to run, and with which Python."""

    name: str
    module: str
    python: Path

    def command(self, *arguments: str, core: int | None = None) -> list[str]:
        """Give the command line that starts it as `server ...` or `client ...`."""
        pinned = [] if core is None else ["--core", str(core)]
        script = str(ROOT / "benchmarks" / "peer.py")
        return [str(self.python), script, self.module, *pinned, *arguments]


def peer(name: str) -> Peer:
    """Give a peer by the name that tables show."""
    module, environment = _RUNS[name]
    python = PEERS / environment / "bin" / "python" if environment else Path(sys.executable)
    return Peer(name, module, python)


def absent() -> list[str]:
    """Say which environments are missing, and how to get them: one line each."""
    return [
        f"{environment} peers are absent, run: {command}"
        for environment, command in _INSTALL.items()
        if not (PEERS / environment / "bin" / "python").exists()
    ]


def present(*names: str) -> list[str]:
    """Give those of the names whose interpreter is here."""
    return [name for name in names if peer(name).python.exists()]
