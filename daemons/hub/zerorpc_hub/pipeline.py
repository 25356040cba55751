"""Which puller gets what a pusher says: each message one, in turn. Sans-IO.

What no puller can take waits, within bounds; when they are reached `is_full` is true, and whoever
pushes has to wait in turn. What a lost puller has not begun to receive goes to another. `peer` is
whatever the driver hands in, and gets back with each message.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

from zerorpc_hub.calls import Frames
from zerorpc_hub.switch import Send


class Puller:
    """A connection that takes messages; one that `is_paused` gets none for now."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.sent = 0


class Pipeline:
    """One hub of type `pipeline`; its queue is bounded in number and bytes."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.pullers: dict[Puller, None] = {}
        self.received = self.sent = 0
        self.queued_bytes = 0
        self._queue: deque[Frames] = deque()
        # Its own order is the turn.
        self._ready: OrderedDict[Puller, None] = OrderedDict()

    @property
    def queued(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    @property
    def waiting(self) -> list[Frames]:
        """The messages that wait, in order."""
        return list(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether no more should be read from pushers for now."""
        # With a bound of nothing, too, a puller that is ready gets what there is.
        if self._ready and not self._queue:
            return False
        return len(self._queue) >= self.most or self.queued_bytes >= self.most_bytes

    def add_puller(self, peer: Any) -> tuple[Puller, list[Send]]:
        """Take in a connection that pulls."""
        puller = Puller(peer)
        self.pullers[puller] = None
        return puller, self.resume(puller)

    def remove_puller(self, puller: Puller, unsent: Sequence[Frames]) -> list[Send]:
        """Forget a connection that is gone; `unsent` are its messages of which nothing left."""
        del self.pullers[puller]
        self.pause(puller)
        self.sent -= len(unsent)
        # Before all others, for they were to go out before them.
        for frames in reversed(unsent):
            self._queue.appendleft(frames)
            self.queued_bytes += _size(frames)
        return self._flow()

    def pause(self, puller: Puller) -> None:
        """Give a puller nothing for now."""
        self._ready.pop(puller, None)

    def resume(self, puller: Puller) -> list[Send]:
        """Give it its turn again."""
        self._ready[puller] = None
        return self._flow()

    def from_pusher(self, messages: Sequence[Frames]) -> list[Send]:
        """Return what messages of a pusher become, and what waited before them."""
        self.received += len(messages)
        for frames in messages:
            self._queue.append(frames)
            self.queued_bytes += _size(frames)
        return self._flow()

    def _flow(self) -> list[Send]:
        sends: list[Send] = []
        while self._queue and self._ready:
            frames = self._queue.popleft()
            self.queued_bytes -= _size(frames)
            puller = next(iter(self._ready))
            self._ready.move_to_end(puller)
            puller.sent += 1
            sends.append((puller.peer, frames))
        self.sent += len(sends)
        return sends


def _size(frames: Frames) -> int:
    return sum(map(len, frames))
