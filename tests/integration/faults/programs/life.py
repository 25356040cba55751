"""What every program here does with its own process: dies with the tests, and speaks JSON."""

from __future__ import annotations

import ctypes
import json
import resource
import signal
import sys
from collections.abc import Iterator
from typing import Any

from gevent.fileobject import FileObject

PR_SET_PDEATHSIG = 1


def begin() -> None:
    """Tie this process to its parent's life, and allow as many open files as the machine does."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def say(**facts: Any) -> None:
    """Print one line for whoever started this process."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def commands() -> Iterator[dict[str, Any]]:
    """The lines that whoever started this process writes; waits without blocking greenlets."""
    for line in FileObject(0, "rb", closefd=False):
        yield json.loads(line)
