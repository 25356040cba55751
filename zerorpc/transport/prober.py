"""Finds out which clients have vanished, when libzmq tells no more than that one has.

The monitor of a ROUTER reports that a connection is gone, but not whose. A heartbeat to a peer
whose route is gone fails at once, so all that have calls open get one.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent

from zerorpc.transport.threads import end_watcher

# When to look (seconds): soon, so that those that vanish together are looked for together, and
# again, since libzmq may take longer to forget the route than to report the connection.
_AFTER_S = (0.01, 0.05, 0.25, 1.0)


class Prober:
    """Calls `probe` some times after each `start`; the last again until `has_read_all` says so.

    A client can be gone before its calls are read, so there may be nothing to find at first.
    """

    def __init__(self, probe: Callable[[], None], has_read_all: Callable[[], bool]) -> None:
        self._probe = probe
        self._has_read_all = has_read_all
        self._done = len(_AFTER_S)
        self._timer = gevent.get_hub().loop.timer(0)

    def start(self) -> None:
        """Begin to look, from the first interval."""
        # Not put off by the next client to go: a steady stream of them would do so for ever.
        if self._done:
            self._done = 0
            self._arm()

    def _arm(self) -> None:
        self.close()
        if self._done < len(_AFTER_S):
            self._timer = gevent.get_hub().loop.timer(_AFTER_S[self._done])
            self._timer.start(self._look)

    def _look(self) -> None:
        if self._done < len(_AFTER_S) - 1 or self._has_read_all():
            self._done += 1
        self._probe()
        self._arm()

    def close(self) -> None:
        """Look no more."""
        end_watcher(self._timer)
