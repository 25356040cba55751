"""Signals as events of the life cycle, taken by the event loop as soon as it turns."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import gevent

from zerorpc_daemon.phases import Event

MEANINGS = {
    signal.SIGTERM: Event.STOP,
    signal.SIGINT: Event.STOP,
    signal.SIGHUP: Event.RELOAD,
    signal.SIGUSR1: Event.REOPEN,
    signal.SIGUSR2: Event.UPGRADE,
}


@contextmanager
def reporting(report: Callable[[Event], None]) -> Iterator[None]:
    """Have `report` called, in the hub, with the meaning of each signal that comes."""
    loop = gevent.get_hub().loop
    with ExitStack() as stack:
        for number, event in MEANINGS.items():
            watcher = loop.signal(number, ref=False)
            watcher.start(report, event)
            stack.callback(watcher.close)
            stack.callback(watcher.stop)
        # The process that made way for this one had them wait.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, MEANINGS)
        yield


@contextmanager
def held_back() -> Iterator[None]:
    """Have signals wait, also across the replacement of the process: untaken most would kill it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, MEANINGS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, MEANINGS)
