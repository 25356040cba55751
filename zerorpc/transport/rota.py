"""Who gave the others a turn, and goes on, one with each turn of the loop.

Not by the loop's callbacks: gevent runs those that callbacks add as well, fifty in a row, before it
looks at any socket. Ten streams of large items would so hold everybody up for as long as all of
them can send.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import gevent

from zerorpc.transport.threads import end_watcher

Resume = Callable[[], Any]


class Rota:
    """Functions to be called one by one, each after the loop has looked at everything else."""

    __slots__ = ("_is_closed", "_next", "_waiting")

    def __init__(self) -> None:
        self._waiting: OrderedDict[Resume, None] = OrderedDict()
        self._next: Any = None  # made when somebody waits: few ever do
        self._is_closed = False

    def __contains__(self, resume: Resume) -> bool:
        return resume in self._waiting

    def add(self, resume: Resume) -> None:
        """Have `resume` called, in the hub, behind those that are here; never once it is closed."""
        if self._is_closed:
            return
        if self._next is None:
            self._next = gevent.get_hub().loop.async_()
            self._next.start(self._go_on)
        if not self._waiting:
            self._next.send()
        self._waiting[resume] = None

    def discard(self, resume: Resume) -> None:
        """Have it called no more, if it was not yet."""
        self._waiting.pop(resume, None)

    def _go_on(self) -> None:
        if not self._waiting:
            return
        resume, _ = self._waiting.popitem(last=False)
        if self._waiting:
            self._next.send()
        resume()

    def close(self) -> None:
        """Call nobody any more."""
        self._is_closed = True
        self._waiting.clear()
        if self._next is not None:
            end_watcher(self._next)
