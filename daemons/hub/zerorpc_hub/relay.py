"""Sends what a core decided, and holds back whoever sends more than others take.

Back-pressure goes from a client to the workers it calls: while the connection of one is full, the
clients that were the cause of what goes to it are not read, so that their own system tells them to
wait. Never the other way: a worker serves many, who would all wait for the slowest client.
"""

from __future__ import annotations

from collections.abc import Iterable

from zerorpc.connection import Connection
from zerorpc_hub.calls import Worker
from zerorpc_hub.switch import Send


class Relay:
    """Knows who waits for whom; one for each hub."""

    def __init__(self) -> None:
        self._waiting: dict[Connection, dict[Connection, None]] = {}
        self.holds = 0  # how often someone was held back

    @property
    def held(self) -> int:
        """How many connections are not read now."""
        return len({each for waiting in self._waiting.values() for each in waiting})

    def send(self, sends: Iterable[Send], source: Connection | None = None) -> None:
        """Send each message; `source` is whose messages they come from, where it is known."""
        for peer, frames in sends:
            peer.send(frames)
            # After sending: the message is decided, and what follows it can wait.
            if peer.is_full and source is not None and _may_hold(peer, source):
                self.hold(source, peer)

    def hold(self, source: Connection, full: Connection) -> None:
        """Read no more of a connection while another is full."""
        waiting = self._waiting.setdefault(full, {})
        if source not in waiting:
            waiting[source] = None
            source.pause()
            self.holds += 1

    def release(self, connection: Connection) -> None:
        """Let go on whoever waited for a connection, which is drained or gone."""
        for source in self._waiting.pop(connection, ()):
            source.resume()
        if connection.is_ending or not connection.is_open:
            # Nor does it wait for anybody any more.
            for waiting in self._waiting.values():
                waiting.pop(connection, None)


def _may_hold(full: Connection, source: Connection) -> bool:
    # A client also has others told things: whose call makes way for its own in the queue.
    return full is source or isinstance(full.tag, Worker)
