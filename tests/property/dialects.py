"""Model peers: how stock zerorpc, its old versions and zerorpc-node promise, count and send items.

Written from docs/protocol.md; they share nothing with our own channel, so that neither can hide the
other's mistakes. A reader is a client of ours, a sender a server that we call.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgpack import packb, unpackb


@dataclass
class Dialect:
    """What tells the peers apart on the wire. `version` None: the header does not tell."""

    version: int | None
    has_text_ids: bool

    def __post_init__(self) -> None:
        self._numbers = count(1)

    @property
    def grant(self) -> str:
        """The name under which credit travels."""
        return "_zpc_more" if self.version == 3 else "_zpc_hb"

    def event(self, name: str, args: Any, response_to: Any = None) -> tuple[Any, bytes]:
        """Return an event's id, and the event itself."""
        message_id: Any = f"{next(self._numbers):032x}"
        if not self.has_text_ids:
            message_id = message_id.encode()
        header = {"message_id": message_id}
        if self.version is not None:
            header["v"] = self.version
        if response_to is not None:
            header["response_to"] = response_to
        return message_id, packb([header, name, args])


STOCK = Dialect(3, has_text_ids=False)
OLD_STOCK = Dialect(3, has_text_ids=True)  # MessagePack of Python 2's days had no bin
VERSION_2 = Dialect(2, has_text_ids=True)
VERSION_1 = Dialect(None, has_text_ids=True)
NODE = Dialect(3, has_text_ids=True)
ADDING = (STOCK, OLD_STOCK, VERSION_2, VERSION_1)


@dataclass
class Reader:
    """A client that asks for a stream and takes its items one by one, as stock does."""

    dialect: Dialect
    sizes: list[int]
    size: int = 100
    items: list[int] = field(default_factory=list)
    end: str | None = None

    def __post_init__(self) -> None:
        self.unread: deque[tuple[str, Any]] = deque()
        self.reserved = 1
        self.is_first = True
        self.is_waiting = False
        self.id, request = self.dialect.event("stream", self.sizes)
        self.outbox = deque([(b"", request)])

    def receive(self, blob: bytes) -> None:
        """Take in an event."""
        header, name, args = unpackb(blob)
        assert (type(header["response_to"]), header["response_to"]) == (type(self.id), self.id)
        if not name.startswith("_zpc_"):
            self.unread.append((name, args))
            self.count()

    def count(self) -> None:
        """Notice what was not promised, which ends a stock client."""
        assert len(self.unread) <= self.reserved <= self.size

    def go_on(self) -> bool:
        """Take an item, or begin to wait for one; tells whether anything changed."""
        was_waiting = self.is_waiting
        if not was_waiting:
            self.before_waiting()
        self.is_waiting = not self.unread
        if self.is_waiting:
            return not was_waiting
        self.reserved -= 1
        self.take(*self.unread.popleft())
        return True

    def before_waiting(self) -> None:
        """Promise more when less than half is promised, from the second item on."""
        if not self.is_first and self.reserved < self.size // 2:
            self.promise(self.size - self.reserved)
            self.reserved = self.size
        self.is_first = False

    def promise(self, number: int) -> None:
        """Send a grant."""
        message = self.dialect.event(self.dialect.grant, [number], self.id)[1]
        self.outbox.append((b"", message))

    def take(self, name: str, args: Any) -> None:
        """Look at an event."""
        assert self.end is None, "something came after the end"
        if name == "STREAM":
            self.items.append(args[0])
        else:
            self.end = name


class NodeReader(Reader):
    """A client that handles items when it gets round to it, and grants in bursts."""

    def count(self) -> None:
        """Count down what was promised, and refuse nothing.

        Each grant of a burst may be used up before the next arrives: there is no bound to hold.
        """
        self.reserved -= 1

    def go_on(self) -> bool:
        """Handle the oldest event."""
        if not self.unread:
            return False
        name, args = self.unread.popleft()
        free = self.size - len(self.unread)
        if name == "STREAM" and self.reserved < self.size // 2 and free > 0:
            self.reserved = free
            self.promise(free)
        self.take(name, args)
        return True


@dataclass
class Sender:
    """A server that answers a call with a stream as its credit allows; `_zpc_more` adds to it."""

    dialect: Dialect
    sizes: list[int]

    def __post_init__(self) -> None:
        self.credit = 1
        self.next_number = 0
        self.id: Any = None
        self.is_done = False
        self.was_told_to_stop = False
        self.outbox: deque[tuple[bytes, bytes]] = deque()

    def receive(self, blob: bytes) -> None:
        """Take in an event."""
        header, name, args = unpackb(blob)
        if "response_to" not in header:
            self.id = header["message_id"]
        elif name == self.dialect.grant:
            self.granted(args[0])
        elif name == "_zpc_close":
            self.was_told_to_stop = True

    def granted(self, number: int) -> None:
        """Add to the credit."""
        self.credit += number

    def go_on(self) -> bool:
        """Send an item, or the end; tells whether it could."""
        if self.id is None or self.is_done or self.credit < 1:
            return False
        self.credit -= 1
        name, args = "STREAM_DONE", None
        if self.next_number < len(self.sizes):
            name, args = "STREAM", [self.next_number, b"x" * self.sizes[self.next_number]]
        self.next_number += 1
        self.is_done = name == "STREAM_DONE"
        self.outbox.append((b"", self.dialect.event(name, args, self.id)[1]))
        return True


class NodeSender(Sender):
    """A server whose credit is what the last grant said."""

    def granted(self, number: int) -> None:
        """Replace the credit."""
        self.credit = number
