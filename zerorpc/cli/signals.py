"""Signals that reach a program which waits in the event loop, all of them and at once.

Python runs a signal's handler between two bytecodes of the main thread. A program that waits in
the loop runs none, and a signal that arrives just before the wait begins, or in another thread,
does not interrupt it: Ctrl-C and SIGTERM would be lost until something else happens.
"""

from __future__ import annotations

import signal
import socket

import gevent


class WakeUp:
    """While this is open, each signal wakes the event loop; for the main thread."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        # `ref=False`: a loop that has nothing else to wait for still ends as it would.
        self._watcher = gevent.get_hub().loop.io(self._reader.fileno(), 1, ref=False)
        self._watcher.start(self._drain)

    def close(self) -> None:
        """Give everything back."""
        self._watcher.close()
        signal.set_wakeup_fd(self._before)
        self._reader.close()
        self._writer.close()

    def _drain(self) -> None:
        # On the way into this function Python has run the handlers already.
        self._reader.recv(4096)
