"""How late the event loop is: what a timer that should fire regularly tells about everybody else.

Sans-IO: the one who has the timer calls `tick`.
"""

from __future__ import annotations

# The worst of the last one to two of these is told: long enough for a scrape every minute.
_WINDOW = 60.0
# Beyond any pause that a healthy daemon makes, below what callers would take for dead.
TOO_LATE = 2.0


class LoopLag:
    """Measures by ticks that should be `period` seconds apart."""

    def __init__(self, period: float, now: float) -> None:
        self.period = period
        self.latest = 0.0
        self._last = self._window_began = now
        self._worst_here = self._worst_before = 0.0

    def tick(self, now: float) -> None:
        """Note that the timer fired."""
        self.latest = max(0.0, now - self._last - self.period)
        self._last = now
        if now - self._window_began > _WINDOW:
            self._worst_before, self._worst_here, self._window_began = self._worst_here, 0.0, now
        self._worst_here = max(self._worst_here, self.latest)

    @property
    def worst(self) -> float:
        """The largest in the last minute or two."""
        return max(self._worst_here, self._worst_before)

    @property
    def ailment(self) -> str | None:
        """What is wrong with the loop, None if it turns as it should."""
        if self.latest < TOO_LATE:
            return None
        return f"the event loop was held up for {self.latest:.1f} s"
