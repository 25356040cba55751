"""One call as a hub sees it, and the two kinds of peers: the client that made it, and its worker.

Sans-IO, data only; the broker decides. `peer` is whatever the driver hands in - its connection -
and gets back with each message; nothing here looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zerorpc.wire import VERSION, Blob
from zerorpc_hub.statistics import Counters, Method, histogram

Frames = Sequence[Blob]
# What a client that is no hub puts before its events, and wants before its answers.
PLAIN: Sequence[Blob] = (b"",)
# The `placed` of a worker that no balance holds.
NOT_PLACED = -1
# The numbers of messages to a worker, which are the tokens of calls, begin anew after so many.
NUMBERS = 1 << 40


def envelope_of(frames: Frames) -> Sequence[Blob]:
    """Return what comes before an answer to a message, delimiter included."""
    # As servers do: the frame before the event is the delimiter, whether it is empty or not.
    return [*frames[:-2], b""]


class Call:
    """A conversation that a client opened.

    `worker` is None while it waits in the queue, `client` stays. `kept` is the opening message and
    `later` what the client said after it, for as long as they may have to be sent (again); where
    they are much together, they are counted. `envelope` stands before what the client gets. Times
    are instants; `gap` is the longest pause between heartbeats that was seen, 0 if none was.
    """

    # Not slots: what few calls need has its value here and costs the others nothing, where to set
    # it for each would take as long as to route an event.
    worker: Worker | None = None
    token = b""
    later: list[Frames] | None = None
    envelope: Sequence[Blob] = PLAIN
    version = VERSION
    expires: float | None = None
    gap = 0.0
    attempts = 0
    is_answered = False
    is_counted = False

    def __init__(
        self, call_id: bytes, client: Client, method: Method, frames: Frames, now: float
    ) -> None:
        self.id = call_id
        self.client = client
        self.method = method
        self.kept: Frames | None = frames
        self.opened = self.sent = self.heard = now


class Client:
    """A connection that makes calls; `calls` holds the open ones by packed id.

    `methods` are those called at its endpoint so far, which it shares with others there. One that
    `is_behind` has so much to read that it may begin nothing new.
    """

    __slots__ = ("calls", "endpoint", "is_behind", "methods", "name", "opened", "peer")

    def __init__(self, peer: Any, name: str, endpoint: str, methods: dict[bytes, Method]) -> None:
        self.peer = peer
        self.name = name
        self.endpoint = endpoint
        self.methods = methods
        self.calls: dict[bytes, Call] = {}
        self.opened = 0
        self.is_behind = False


class Worker:
    """A connection that serves calls; `calls` holds those it works on by token.

    It gets new calls unless it is draining (an operator said so), homeless (the pool that it came
    for, `pool`, is not there), leaving (it said so itself), busy (it did not answer a ping), paused
    (its connection takes no more for now), ejected or full. `most` bounds `load`. `handed` counts
    the messages given out for it: the number of the opening one is the token of a call. `rung` and
    `slot` are where the balance keeps it, `placed` is how many calls it had when it was put there,
    `ratio` how much faster than the strongest of its pool it fills up.
    """

    __slots__ = (
        "calls",
        "counters",
        "ejections",
        "endpoint",
        "ewma",
        "failures",
        "handed",
        "is_backup",
        "is_busy",
        "is_draining",
        "is_eligible",
        "is_homeless",
        "is_leaving",
        "is_paused",
        "joined",
        "latency",
        "most",
        "name",
        "orphans",
        "peer",
        "ping_token",
        "placed",
        "pool",
        "pool_index",
        "ratio",
        "rung",
        "slot",
        "turns",
        "until",
        "wait",
        "weight",
        "who",
    )

    def __init__(
        self,
        peer: Any,
        name: str,
        endpoint: str,
        now: float,
        *,
        weight: int = 1,
        is_backup: bool = False,
    ) -> None:
        self.peer = peer
        self.name = name
        self.endpoint = endpoint
        self.joined = now
        self.weight = weight
        self.is_backup = is_backup
        # As its pool has it, once it belongs to one.
        self.pool, self.pool_index, self.is_homeless = "", 0, False
        self.most: int | None = None
        self.calls: dict[bytes, Call] = {}
        # Calls whose client is gone, of which the worker need not know yet: they still cost it.
        self.orphans: dict[bytes, Call] = {}
        self.handed = 0
        self.is_draining = self.is_leaving = self.is_busy = self.is_paused = False
        self.is_eligible = False  # and so held by the balance of its pool
        self.until: float | None = None  # ejected until then
        self.failures = 0
        self.ejections = 0
        self.who = ""  # what it is recognised by when it comes again; empty: it cannot be
        self.ping_token = b""
        self.ratio: float = 1
        self.rung = self.slot = self.turns = 0
        self.placed = NOT_PLACED
        self.ewma = 0.0
        self.counters = Counters()
        self.latency = histogram()
        self.wait = histogram()

    def number(self) -> bytes:
        """Return the number of one more message for it, as a token."""
        self.handed += 1
        return (self.handed % NUMBERS).to_bytes(5, "big")

    def age_of(self, token: bytes) -> int:
        """Return how many messages were handed out for it since that with this number."""
        return (self.handed - int.from_bytes(token, "big")) % NUMBERS

    @property
    def load(self) -> int:
        """How many calls it works on."""
        return len(self.calls) + len(self.orphans)

    @property
    def is_usable(self) -> bool:
        """Whether it is well, though it may be full just now."""
        is_going = self.is_draining or self.is_leaving or self.is_homeless
        return not (is_going or self.is_busy or self.until is not None)

    @property
    def may_take(self) -> bool:
        """Whether it may get one more call."""
        has_room = self.most is None or self.load < self.most
        return has_room and self.is_usable and not self.is_paused
