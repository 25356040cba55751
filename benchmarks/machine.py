"""Where a run took place: what a reader needs to place the figures, and nothing about whose."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from importlib import metadata

from benchmarks import roster

_OURS = ("zerorpc-mesh", "gevent", "pyzmq", "msgpack")
_THEIRS = {
    "stock": ("zerorpc", "gevent", "pyzmq", "msgpack"),
    "bench": ("grpcio", "zeroapi", "uvloop", "rpyc", "thriftpy2"),
    "nameko": ("nameko", "kombu", "eventlet"),
}
_ASK = (
    "import sys; from importlib import metadata;"
    "print(', '.join(f'{n} {metadata.version(n)}' for n in sys.argv[1:]))"
)


# Runnable processes per core, before we start any, above which peers fight for the cores.
_BUSY = 0.5


def load() -> str:
    """Tell how busy the machine is: beside other work even ratios say little."""
    runnable = os.getloadavg()[0]
    verdict = (
        "busy: CPU time per call is firmer than rates" if runnable > _BUSY * cores() else "idle"
    )
    return f"load before the run: {runnable:.1f} on {cores()} cores, {verdict}"


def describe(command: str, load_before: str) -> list[str]:
    """Give date, command, cores, load and versions, one line each."""
    ours = ", ".join(f"{name} {metadata.version(name)}" for name in _OURS)
    lines = [
        f"date: {time.strftime('%Y-%m-%d')}",
        f"command: `{command}`",
        f"machine: {cores()} cores, {platform.system()} {platform.machine()}",
        load_before,
        f"Python {platform.python_version()}: {ours}",
    ]
    return lines + [f"{name} peers: {_versions(name)}" for name in _THEIRS]


def cores() -> int:
    """Tell how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def first_core() -> int:
    """Give the core that pinned runs stay on."""
    return min(os.sched_getaffinity(0))


def _versions(environment: str) -> str:
    python = roster.PEERS / environment / "bin" / "python"
    if not roster.is_installed(environment):
        return "absent"
    command = [str(python), "-c", _ASK, *_THEIRS[environment]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
