"""Who gets what a publisher says: every subscriber whose prefixes fit. Sans-IO.

As in PUB and SUB of ZeroMQ: a subscriber that is not there, or does not keep up, misses messages,
and nobody waits for it. `peer` is whatever the driver hands in, and gets back with each message.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from zerorpc_hub.calls import Frames
from zerorpc_hub.switch import Send


class Subscriber:
    """A connection that wants messages; one that `is_paused` gets none for now."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.is_paused = False
        self.sent = self.missed = 0
        # As often as it was asked for: ZeroMQ counts them.
        self._prefixes: Counter[bytes] = Counter()
        self._size = 0
        # Made when it is needed: once for each of many subscriptions would be quadratic.
        self._any: tuple[bytes, ...] | None = ()

    def take(self, frames: Frames) -> bool:
        """Follow a subscription or its end; False for what is neither."""
        said = bytes(frames[0])
        if len(frames) != 1 or said[:1] not in (b"\0", b"\1"):
            return False
        prefix = said[1:]
        count = self._prefixes[prefix] + (1 if said[0] else -1)
        if count > 0:
            self._prefixes[prefix] = count
        else:
            del self._prefixes[prefix]
        # The prefixes as such are the same where one was asked for again, or never asked for.
        if said[0] and count == 1:
            self._size += len(prefix)
            self._any = None
        elif not said[0] and count == 0:
            self._size -= len(prefix)
            self._any = None
        return True

    def is_within(self, most: int, most_bytes: int) -> bool:
        """Tell whether its prefixes are no more than so many, and together no longer."""
        return len(self._prefixes) <= most and self._size <= most_bytes

    @property
    def prefixes(self) -> dict[bytes, int]:
        """What it has asked for, and how often."""
        return dict(self._prefixes)

    @prefixes.setter
    def prefixes(self, prefixes: dict[bytes, int]) -> None:
        self._prefixes = Counter(prefixes)
        self._size = sum(map(len, prefixes))
        self._any = None

    def wants(self, first: bytes) -> bool:
        """Tell whether a message that begins with this frame is wanted."""
        if self._any is None:
            self._any = tuple(self._prefixes)
        return first.startswith(self._any)


class Fanout:
    """One hub of type `pubsub`; `dropped` counts what could not be used, by reason.

    A subscriber may ask for `most` different prefixes, of `most_bytes` together.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self.most, self.most_bytes = most, most_bytes
        self.subscribers: dict[Subscriber, None] = {}
        self.received = self.sent = 0
        self.dropped: Counter[str] = Counter()

    def add_subscriber(self, peer: Any) -> Subscriber:
        """Take in a connection that subscribes."""
        subscriber = Subscriber(peer)
        self.subscribers[subscriber] = None
        return subscriber

    def remove_subscriber(self, subscriber: Subscriber) -> None:
        """Forget a connection that is gone."""
        del self.subscribers[subscriber]

    def from_subscriber(self, subscriber: Subscriber, messages: Sequence[Frames]) -> bool:
        """Take in what a subscriber says; False for one that asks for more than it may."""
        for frames in messages:
            if not subscriber.take(frames):
                self.dropped["no_subscription"] += 1
            # Whoever is beyond a bound that was narrowed may give up some of it.
            elif frames[0][0] and not subscriber.is_within(self.most, self.most_bytes):
                return False
        return True

    def from_publisher(self, messages: Sequence[Frames]) -> list[Send]:
        """Return what messages of a publisher become."""
        self.received += len(messages)
        # The same frames for all: a message is not copied for each subscriber.
        sends: list[Send] = []
        for frames in messages:
            first = bytes(frames[0])
            for subscriber in self.subscribers:
                if not subscriber.wants(first):
                    continue
                if subscriber.is_paused:
                    subscriber.missed += 1
                    self.dropped["slow_subscriber"] += 1
                else:
                    subscriber.sent += 1
                    sends.append((subscriber.peer, frames))
        self.sent += len(sends)
        return sends
