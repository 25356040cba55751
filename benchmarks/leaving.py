"""Tools that start programs end them, too, when they are ended by a signal themselves."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

# How long a program may take that has programs of its own to end.
_STOP_S = 5.0

_started: list[subprocess.Popen[Any]] = []
_is_starting = False
_number = 0


def run(main: Callable[[], int]) -> NoReturn:
    """Run a tool and leave with its status; SIGINT and SIGTERM end it by SystemExit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # Who starts us in the background may have Ctrl-C ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        sys.exit(main())
    finally:
        end_all()


def launch(*arguments: Any, **options: Any) -> subprocess.Popen[Any]:
    """Start a program as `subprocess.Popen` does; `end_all` knows of it from its beginning."""
    global _is_starting  # noqa: PLW0603  # of the process, as signals are
    _started[:] = [each for each in _started if each.poll() is None]
    # A signal in the middle would leave a program behind that nobody knows.
    _is_starting = True
    try:
        process = subprocess.Popen(*arguments, **options)
        _started.append(process)
    finally:
        _is_starting = False
    if _number:
        raise SystemExit(128 + _number)
    return process


def end_all() -> None:
    """End everything that was launched and runs on, and all that these have started."""
    running = [each for each in _started if each.poll() is None]
    # Of those that lead a session of their own the whole of it; known before they are waited for.
    leaders = {each.pid for each in running if os.getpgid(each.pid) == each.pid}
    for each in running:
        each.terminate()
    for each in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            each.wait(_STOP_S)
        each.kill()
        if each.pid in leaders:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(each.pid, signal.SIGKILL)
        each.wait()


def _on_signal(number: int, _frame: FrameType | None) -> None:
    global _number  # noqa: PLW0603  # likewise
    _number = number
    if not _is_starting:
        raise SystemExit(128 + number)
