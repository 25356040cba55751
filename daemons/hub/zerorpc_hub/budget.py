"""How many calls may be tried again: a share of all calls, and a few a second in any case.

Sans-IO. Retries without a bound turn one lost worker into an overload of the others.
"""

from __future__ import annotations

# What may be saved up, as seconds of either part: a burst after a quiet time, but no flood.
_SAVED_SECONDS = 10.0


class RetryBudget:
    """A store of retries, filled by `share` of the calls and by `per_second`.

    It is not told of each call: the number of all so far is passed when a retry is asked for, so
    that calls that go well cost nothing here.
    """

    def __init__(self, share: float, per_second: float, now: float) -> None:
        self._share = share
        self._per_second = per_second
        self._left = per_second
        self._calls = 0
        self._filled = now

    def take(self, calls: int, now: float) -> bool:
        """Tell whether one more call may be tried again; `calls` is how many there were in all."""
        elapsed = now - self._filled
        # Of a longer time than may be saved up, as much of the calls is forgotten as of the time.
        counted = min(elapsed, _SAVED_SECONDS)
        recent = (calls - self._calls) * (counted / elapsed if elapsed else 1.0)
        self._left *= 1 - counted / _SAVED_SECONDS
        self._left += self._share * recent + self._per_second * counted
        self._calls, self._filled = calls, now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def revise(self, share: float, per_second: float) -> None:
        """Fill up in another way from now on."""
        self._share, self._per_second = share, per_second

    def export(self) -> tuple[float, int, float]:
        """Return what is left, for another budget."""
        return self._left, self._calls, self._filled

    def restore(self, state: tuple[float, int, float]) -> None:
        """Go on with what was left."""
        self._left, self._calls, self._filled = state
