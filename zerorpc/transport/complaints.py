"""Warns of what peers sent in vain, now and then: they must not be able to fill a log."""

from __future__ import annotations

import logging
from time import monotonic

from zerorpc.multiplexer import Multiplexer

_log = logging.getLogger("zerorpc.transport")

# At most one warning in this time.
_WARN_EVERY_S = 10.0


class Complaints:
    """Tells the log what a multiplexer has dropped, if that is more than when it told last."""

    __slots__ = ("_multiplexer", "_told_at", "told")

    def __init__(self, multiplexer: Multiplexer) -> None:
        self._multiplexer = multiplexer
        self._told_at = float("-inf")
        self.told = 0  # `dropped_count` at that time: compared by whoever wants to save the call

    def tell(self) -> None:
        """Warn, unless a warning was given a moment ago."""
        now = monotonic()
        if now - self._told_at < _WARN_EVERY_S:
            return
        self._told_at, self.told = now, self._multiplexer.dropped_count
        _log.warning("dropped malformed or unexpected events: %s", dict(self._multiplexer.dropped))
