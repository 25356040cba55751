"""What the kernel says about a process: memory and CPU time, from /proc.

Standard library only: this runs under the interpreter of any peer.
"""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def rss_bytes(pid: int) -> int:
    """Give the resident memory of one process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def cpu_seconds(session: int) -> float:
    """Give the user and system time of all processes of a session, or 0 for session 0.

    Some servers fork workers; each server leads a session of its own, so this finds them all.
    """
    if not session:
        return 0.0
    return sum(_cpu_ticks(path, session) for path in Path("/proc").glob("[0-9]*/stat")) / _TICKS


def _cpu_ticks(path: Path, session: int) -> int:
    try:
        text = path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # ended while we were looking
    # The command name is in brackets and may hold blanks; what follows it is regular.
    fields = text.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12]) if int(fields[3]) == session else 0


def pin(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core."""
    os.sched_setaffinity(0, {core})
