"""Signals that reach a program which waits in the event loop, all of them and at once.

Python runs a signal's handler between two bytecodes of the main thread. A program that waits in
the loop runs none, and a signal that arrives just before the wait begins, or in another thread,
does not interrupt it: Ctrl-C and SIGTERM would be lost until something else happens.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import gevent


@contextmanager
def waking_on_signals() -> Iterator[None]:
    """Have each signal wake the event loop; for the main thread."""
    # What Python's own C handler writes to, in whichever thread the signal arrives.
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # `ref=False`: a loop that has nothing else to wait for still ends as it would.
    watcher = gevent.get_hub().loop.io(reader, 1, ref=False)
    # On the way into this function Python runs the handlers; all it has to do is to be called.
    watcher.start(lambda: os.read(reader, 4096))
    try:
        yield
    finally:
        watcher.stop()
        watcher.close()
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
