"""Who gave the others a turn, and goes on, one with each turn of the loop.

Not by the loop's callbacks: gevent runs those that callbacks add as well, fifty in a row, before it
looks at any socket. Ten streams of large items would so hold everybody up for as long as all of
them can send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import gevent

from zerorpc.transport.threads import end_watcher


class Rota:
    """Functions to be called one by one, each after the loop has looked at everything else."""

    __slots__ = ("_next", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], Any]] = deque()
        self._next = gevent.get_hub().loop.async_()
        self._next.start(self._go_on)

    def add(self, resume: Callable[[], Any]) -> None:
        """Have `resume` called, in the hub, behind those that are here already."""
        self._waiting.append(resume)
        if len(self._waiting) == 1:
            self._next.send()

    def _go_on(self) -> None:
        resume = self._waiting.popleft()
        if self._waiting:
            self._next.send()
        resume()

    def close(self) -> None:
        """Call nobody any more."""
        self._waiting.clear()
        end_watcher(self._next)
