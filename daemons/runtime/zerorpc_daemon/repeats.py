"""Which of many equal lines of a log are written; the rest are counted.

Sans-IO. A peer that fails a thousand times a second must not fill the disk, and one line in ten
seconds must still tell how often it was.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

# Enough to see that several peers are concerned; then a line at the end of the period.
BURST = 10
PERIOD = 10.0
# Kinds of lines that are told apart: lines of the code, so they are few unless texts vary.
_MOST_KINDS = 1000


@dataclass(slots=True)
class _Window:
    ends: float
    count: int = 0


class Repeats:
    """Lets `BURST` lines of a kind pass in each `PERIOD` seconds."""

    def __init__(self, burst: int = BURST, period: float = PERIOD) -> None:
        self.suppressed = 0
        self._burst = burst
        self._period = period
        self._windows: dict[Hashable, _Window] = {}

    def admit(self, kind: Hashable, now: float) -> bool:
        """Tell whether a line of this kind is to be written."""
        window = self._windows.get(kind)
        if window is None:
            if len(self._windows) >= _MOST_KINDS:
                kind = None  # those that come too late share one, so that the table is bounded
            window = self._windows.setdefault(kind, _Window(now + self._period))
        window.count += 1
        if window.count <= self._burst:
            return True
        self.suppressed += 1
        return False

    def over(self, now: float) -> list[tuple[Hashable, int]]:
        """Return the kinds of which lines were suppressed in periods that are over, and how many.

        To be called every now and then: it is what ends a period.
        """
        ended = [kind for kind, window in self._windows.items() if window.ends <= now]
        counts = [(kind, self._windows.pop(kind).count - self._burst) for kind in ended]
        return [(kind, count) for kind, count in counts if count > 0]
