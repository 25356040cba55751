"""What a socket has not taken yet: messages with what they belong to, in order.

Pure: it decides nothing and touches no socket. The pump appends and removes at the ends by itself,
many times a call; here is what goes through all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from zerorpc.wire import Frames

# What a queued message costs beside its payload: the objects that hold it. Without this, a backlog
# of ten-byte items would be allowed twenty times its bound.
MESSAGE_BYTES = 256


class Ticket(Protocol):
    """What a queued message belongs to: it can lapse before it is sent, and learns that it was."""

    is_sent: bool

    @property
    def has_lapsed(self) -> bool:
        """Whether the message need not be sent any more."""


Entry = tuple[Frames, Ticket | None]


def cost_of(frames: Frames) -> int:
    """Return how many bytes a queued message counts for; a hundred of its envelope are included."""
    return len(frames[-1]) + MESSAGE_BYTES


def take_out(backlog: deque[Entry], is_unwanted: Callable[[Entry], bool]) -> list[Entry]:
    """Remove the entries that are not wanted and return them; the others keep their order."""
    taken = []
    # Once around, in place: others hold this very deque, and may append while it turns.
    for _ in range(len(backlog)):
        entry = backlog.popleft()
        if is_unwanted(entry):
            taken.append(entry)
        else:
            backlog.append(entry)
    return taken


def has_lapsed(entry: Entry) -> bool:
    """Tell whether nobody needs a message any more."""
    ticket = entry[1]
    return ticket is not None and ticket.has_lapsed


def has_ticket(entry: Entry) -> bool:
    """Tell whether a message belongs to something that could be told, or sent elsewhere."""
    return entry[1] is not None
