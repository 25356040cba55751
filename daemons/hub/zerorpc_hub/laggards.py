"""Clients that ask for more than they read: hung up on soon, so that nobody waits for them.

The workers that answer them also answer others, so they are never held back for one client. What
is left then is to take little more in for it: its new calls are refused from half of the bound on,
and it goes when it stays beyond the bound, whether it reads or not.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from gevent import get_hub

from zerorpc.connection import Connection
from zerorpc_daemon.journal import EventLog

# How long a client may have more unread than it should. A burst of answers is over in less, and at
# what a fast network brings in half a second the bound holds once more.
GRACE_S = 0.5
# From this share of the bound on it may begin nothing new.
_SHARE = 2


def is_behind(connection: Connection, bound: int) -> bool:
    """Tell whether a client is to read first, before it may begin anything new."""
    return _has_beside(connection, bound // _SHARE)


def _has_beside(connection: Connection, size: int) -> bool:
    """Tell whether more is unsent than this, beside the largest answer: that one it may have."""
    backlog = connection.backlog
    return backlog.size > size and backlog.beside_largest > size


class Laggards:
    """The clients of a hub whose connections are full; `bound` returns how much is too much.

    Beyond it one may be for `grace` seconds.
    """

    def __init__(self, bound: Callable[[], int], log: EventLog, grace: float = GRACE_S) -> None:
        self._bound, self._log, self._grace = bound, log, grace
        self._timers: dict[Connection, Any] = {}

    def watch(self, connection: Connection, endpoint: str) -> None:
        """Hang up on a connection that has become full, unless it is drained soon."""
        was_beyond = _has_beside(connection, self._bound())
        looked = monotonic()

        def look() -> None:
            nonlocal was_beyond, looked
            now, unsent = monotonic(), connection.backlog.size
            is_beyond = _has_beside(connection, self._bound())
            # By a time in which this process stood still nobody is judged.
            is_fair, looked = now - looked < 2 * self._grace, now
            if is_beyond and was_beyond and is_fair:
                peer = connection.remote
                self._log.warning(
                    "client does not keep up", client=peer, endpoint=endpoint, unsent_bytes=unsent
                )
                self.forget(connection)
                connection.close("lagging")
            was_beyond = is_beyond

        self.forget(connection)
        timer = self._timers[connection] = get_hub().loop.timer(self._grace, self._grace)
        timer.start(look)

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that is drained or gone."""
        timer = self._timers.pop(connection, None)
        if timer is not None:
            timer.stop()
            timer.close()
