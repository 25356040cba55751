"""What the workers of `make demo` serve: the same, at two speeds."""

from __future__ import annotations

import gevent


class Quick:
    """Takes a few milliseconds for a job."""

    seconds = 0.005

    def work(self) -> str:
        """Return who has done it."""
        gevent.sleep(self.seconds)
        return type(self).__name__


class Slow(Quick):
    """Takes ten times as long."""

    seconds = 0.05
