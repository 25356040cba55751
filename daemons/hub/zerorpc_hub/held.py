"""Pushers that are not read while the queue of a pipeline is full.

What such a peer has said stays with the system, also when it has gone: it was pushed, and is not to
be lost because no puller is there. But those that have gone may not take all connections of a hub,
or no puller could come any more: beyond a bound they are hung up on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from zerorpc.connection import Connection
from zerorpc.zmtp import Message

# Looked at for each that is added: more than one, so that their number falls again.
_LOOK_AT = 4


class Held:
    """Connections that are paused, each with what it said in the read that began it.

    With more than `most` of them, those whose peers have gone are closed.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: dict[Connection, list[Message]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def __contains__(self, source: Connection) -> bool:
        return source in self._held

    @property
    def messages(self) -> list[Message]:
        """All that was read of them already."""
        return [frames for messages in self._held.values() for frames in messages]

    def add(self, source: Connection, messages: Sequence[Message] = ()) -> None:
        """Read no more of a connection, and keep what was read."""
        if source not in self._held:
            self._held[source] = []
            source.pause()
        self._held[source] += messages
        source.is_holding = bool(self._held[source])
        if len(self._held) > self.most:
            self._look_around()

    def take(self, source: Connection) -> list[Message]:
        """Read it again; returns what was kept."""
        messages = self._held.pop(source)
        source.is_holding = False
        source.resume()
        return messages

    def all(self) -> list[Connection]:
        """Return them in the order in which they are to go on."""
        return list(self._held)

    def discard(self, source: Connection) -> None:
        """Forget one that is closed."""
        self._held.pop(source, None)

    def _look_around(self) -> None:
        # In turn, a few each time: to look at thousands for each that comes would be quadratic.
        for source in list(islice(self._held, _LOOK_AT)):
            self._held[source] = self._held.pop(source)
            if source.has_ended:
                source.close("left_unread")
