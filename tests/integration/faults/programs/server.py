"""The service that fault tests call: `python -m ... server ENDPOINT [options]`.

Says its endpoint when it is ready. SIGTERM stops it within its grace, as the command line does.
"""

from __future__ import annotations

import argparse
import gc
import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import gevent
import greenlet

import zerorpc
from tests.integration.faults.programs import life


class Service:
    """Methods that behave in every way that a fault test needs."""

    def __init__(self) -> None:
        self.statistics: Any = None
        self.marked: list[Any] = []
        self.opened = 0
        self.finished = 0

    def echo(self, value: Any) -> Any:
        """Return what was given."""
        return value

    def fail(self, text: str) -> None:
        """Raise a ValueError."""
        raise ValueError(text)

    def slow(self, seconds: float) -> str:
        """Answer late and let others work meanwhile."""
        gevent.sleep(seconds)
        return "slow"

    def block(self, seconds: float) -> str:
        """Stop the whole process from Python's view, as a blocking C call does."""
        time.sleep(seconds)
        return "blocked"

    def spin(self, seconds: float) -> str:
        """Keep the interpreter busy with pure Python."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sum(range(100))
        return "spun"

    def mark(self, token: Any) -> int:
        """Remember that this call was executed."""
        self.marked.append(token)
        return len(self.marked)

    def marks(self) -> list[Any]:
        """Every token that `mark` was called with."""
        return self.marked

    def blob(self, size: int) -> bytes:
        """Return that many bytes."""
        return b"x" * size

    @zerorpc.stream
    def count(self, n: int) -> Iterator[int]:
        """Yield the first n numbers."""
        yield from self._noted(iter(range(n)))

    @zerorpc.stream
    def chunks(self, n: int, size: int) -> Iterator[bytes]:
        """Yield n pieces of that many bytes, each made anew."""
        yield from self._noted(bytes(size) for _ in range(n))

    @zerorpc.stream
    def silent(self, seconds: float) -> Iterator[str]:
        """Yield, be silent for long, yield again."""
        yield "before"
        gevent.sleep(seconds)
        yield "after"

    @zerorpc.stream
    def ticking(self, gap: float) -> Iterator[int]:
        """Yield a number again and again, for ever."""
        number = 0

        def ticks() -> Iterator[int]:
            nonlocal number
            while True:
                yield number
                number += 1
                gevent.sleep(gap)

        yield from self._noted(ticks())

    def _noted(self, items: Iterator[Any]) -> Iterator[Any]:
        self.opened += 1
        try:
            yield from items
        finally:
            self.finished += 1

    def streams(self) -> list[int]:
        """How many streams were begun, and how many of them ended by whatever way."""
        return [self.opened, self.finished]

    def counters(self) -> dict[str, Any]:
        """The server's own statistics."""
        numbers: dict[str, Any] = self.statistics()
        return numbers

    def greenlets(self) -> int:
        """How many greenlets are alive in this process."""
        gc.collect()
        return sum(isinstance(thing, greenlet.greenlet) for thing in gc.get_objects())


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--heartbeat", type=float, default=5.0)
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--pool-size", type=int, default=None)
    parser.add_argument("--connect", type=int, default=0, help="1 for a worker of a hub")
    parser.add_argument("--limits", type=json.loads, default={})
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM."""
    life.begin()
    given = options()
    service = Service()
    limits = zerorpc.Limits(**given.limits)
    server = zerorpc.Server(
        service,
        heartbeat=given.heartbeat or None,
        pool_size=given.pool_size,
        grace=given.grace,
        limits=limits,
    )
    service.statistics = server.statistics
    gevent.signal_handler(signal.SIGTERM, server.stop)
    if given.connect:
        server.connect(given.endpoint.split(","))
    else:
        server.bind(given.endpoint)
    life.say(endpoint=server.endpoints[0])
    server.run()
    server.close()


if __name__ == "__main__":
    main()
