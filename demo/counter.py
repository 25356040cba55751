"""A service that `make demo` runs: a stream without an end, which knows how far it got."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import gevent.event

import zerorpc


class Counter:
    """Counts as long as the caller reads."""

    def __init__(self) -> None:
        self._produced = 0

    @zerorpc.stream
    def count(self) -> Iterator[int]:
        """Yield 0, 1, 2, ... for ever."""
        for number in itertools.count():
            self._produced += 1
            yield number

    def produced(self) -> int:
        """Return how many numbers were yielded so far."""
        return self._produced

    @zerorpc.stream
    def hang(self) -> Iterator[str]:
        """Yield one word, then nothing any more."""
        yield "started"
        gevent.event.Event().wait()
