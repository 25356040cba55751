"""`--server`: expose a target until a signal says to stop, then let running calls finish."""

from __future__ import annotations

import os
import signal
from types import FrameType

from zerorpc.server import Server

from .arguments import Options
from .connection import attach
from .outcome import Exit, quoted
from .output import Paper
from .target import check_exposes, load

# After its grace a healthy server needs less than this (seconds) to say its last words.
_ALARM_AFTER = 5.0


def serve(options: Options, status: Paper) -> Exit:
    """Expose what `options.target` names and return after SIGTERM or SIGINT.

    The first signal drains within `options.grace`, a second one leaves at once. Every caller of
    this becomes the process's main program: it takes over its signals.
    """
    path = options.target or ""
    server = _make_server(load(path), path, options, status)
    try:
        attach(server, options, status)
        _stop_on_signals(server, options.grace)
        status.line(f"serving {quoted(path)}")
        server.run()
    finally:
        server.close()
    return Exit.OK


def _make_server(target: object, path: str, options: Options, status: Paper) -> Server:
    # A subclass of Server is served as it is: wrapped it would expose its own `close` and `stop`.
    if isinstance(target, Server):
        for option in options.given_to_make_a_server:
            status.line(f"{option} means nothing to {quoted(path)}, which is a Server already")
        return target
    check_exposes(target, path)
    return Server(target, pool_size=options.pool_size, heartbeat=options.heartbeat)


def _stop_on_signals(server: Server, grace: float) -> None:
    is_stopping = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            # Whatever holds the process - a handler in a C call, a `finally` that waits - is
            # not worth waiting for any more.
            os._exit(128 + number)
        is_stopping = True
        # A handler that never lets go of the interpreter cannot be cancelled: the alarm ends the
        # process then, even out of a C call.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, grace + _ALARM_AFTER)
        server.stop(grace)
        running = server.statistics()["running"]
        if running:
            # Not through `sys.stderr`, which the signal may have interrupted in mid-write.
            os.write(2, f"stopping: calls still running: {running}\n".encode())

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
