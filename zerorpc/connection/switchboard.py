"""All connections of one owner: flushed together, looked after together.

What was queued for them is flushed once per turn of the loop, so that a batch of messages costs
each peer one system call; and all are looked at twice a second, for handshakes that do not end and
peers that fell silent. There is no timer and no greenlet for each.

It must not know what a connection is, beyond that it can be flushed, checked and closed.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Protocol

import gevent

from zerorpc.memory import return_freed_memory

# A look that comes so many times later than it should tells that the process stood still.
_STALL = 2.0
_MOST_LATE = 3
# Giving back what connections have left takes a few milliseconds.
_WORTH_RETURNING_BYTES = 1 << 20


class Line(Protocol):
    """A connection, as far as a switchboard knows one."""

    def flush(self) -> None:
        """Send what is queued."""

    def check(self, now: float, *, is_fair: bool) -> None:
        """Do what is due; it is fair unless this process stood still just now."""

    def close(self, reason: str) -> None:
        """End now."""


class Switchboard:
    """The connections of one owner: flushed together, and watched together.

    `scan` is how often all are looked at: what is due is noticed so many seconds later at most.
    `closed` counts the reasons for which connections ended, `left_bytes` what they held at their
    end: where that is much, the system gets it back with the next look.
    """

    def __init__(self, scan: float = 0.5) -> None:
        self.connections: set[Line] = set()
        self.closed: Counter[str] = Counter()
        self.left_bytes = 0
        self.loop = gevent.get_hub().loop
        self._unflushed: list[Line] = []
        self._scan_every, self._last_scan, self._late = scan, time.monotonic(), 0
        self._timer = self.loop.timer(scan, scan)
        self._timer.start(self._scan)

    def flush_later(self, connection: Line) -> None:
        """Have a connection flushed when the loop has handled what it knows of now."""
        if not self._unflushed:
            self.loop.run_callback(self.flush)
        self._unflushed.append(connection)

    def flush(self) -> None:
        """Send what is to be sent."""
        # What fails here may make its owner tell others, so that more come while this goes on.
        while self._unflushed:
            unflushed, self._unflushed = self._unflushed, []
            for connection in unflushed:
                connection.flush()

    def close(self, reason: str) -> None:
        """Close every connection and look after none any more."""
        self._timer.stop()
        self._timer.close()
        for connection in list(self.connections):
            connection.close(reason)

    def _scan(self) -> None:
        now = time.monotonic()
        is_late = now - self._last_scan >= _STALL * self._scan_every
        self._last_scan, self._late = now, self._late + 1 if is_late else 0
        # Late again and again is no standstill but too much to do, in which all are heard in turn.
        is_fair = not 0 < self._late <= _MOST_LATE
        # A copy: whoever is closed meanwhile leaves the set.
        for connection in list(self.connections):
            connection.check(now, is_fair=is_fair)
        if self.left_bytes >= _WORTH_RETURNING_BYTES:
            self.left_bytes = 0
            return_freed_memory()
