"""How many calls a second there have been lately, from counters that only grow.

Sans-IO. Nothing is added to the hot path: the counters are looked at every few seconds.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

# A rate is told of the last one to two of these: short enough to see what happens, long enough
# for a method that is called every other second.
PERIOD = 5.0


class Rates:
    """Remembers what counters said; call `note` at least every `PERIOD` seconds."""

    def __init__(self, now: float) -> None:
        self.due = now + PERIOD
        self._before = self._latest = (now, dict[Hashable, int]())

    def note(self, counts: Iterable[tuple[Hashable, int]], now: float) -> None:
        """Remember the counters of now, and forget those of before the last time."""
        self.due = now + PERIOD
        # Two looks back, or a rate asked for right after a look would be that of an instant.
        self._before, self._latest = self._latest, (now, dict(counts))

    def per_second(self, key: Hashable, count: int, now: float) -> float:
        """Return how fast a counter has grown that now says `count`."""
        since, counts = self._before
        if now <= since:
            return 0.0
        # What was not there then began at zero.
        return (count - counts.get(key, 0)) / (now - since)
