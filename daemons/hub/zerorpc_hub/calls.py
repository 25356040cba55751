"""One call as a hub sees it, and the two kinds of peers: the client that made it, and its worker.

Sans-IO, data only; the broker decides. `peer` is whatever the driver hands in - its connection -
and gets back with each message; nothing here looks at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zerorpc.wire import Blob
from zerorpc_hub.statistics import Counters, Method, histogram

Frames = Sequence[Blob]
# What a client that is no hub puts before its events, and wants before its answers.
PLAIN: Sequence[Blob] = (b"",)


class Call:
    """A conversation that a client opened.

    `worker` is None while it waits in the queue, `client` stays. `kept` is the opening message and
    `later` what the client said after it, for as long as they may have to be sent (again). Times
    are instants; `gap` is the longest pause between heartbeats that was seen, 0 if none was.
    """

    __slots__ = (
        "attempts",
        "client",
        "envelope",
        "expires",
        "gap",
        "heard",
        "id",
        "is_answered",
        "kept",
        "later",
        "method",
        "number",
        "opened",
        "sent",
        "token",
        "version",
        "worker",
    )

    def __init__(
        self,
        call_id: bytes,
        client: Client,
        method: Method,
        frames: Frames,
        version: int,
        now: float,
    ) -> None:
        self.id = call_id
        self.client = client
        self.method = method
        self.version = version
        self.envelope: Sequence[Blob] = PLAIN if len(frames) == 2 else frames[:-1]
        self.kept: Frames | None = frames
        self.later: list[Frames] | None = None
        self.opened = self.sent = self.heard = now
        self.expires: float | None = None
        self.gap = 0.0
        self.worker: Worker | None = None
        self.token = b""
        self.number = 0  # which message to its worker the opening one was
        self.attempts = 0
        self.is_answered = False


class Client:
    """A connection that makes calls; `calls` holds the open ones by packed id.

    `methods` are those called at its endpoint so far, which it shares with others there.
    """

    __slots__ = ("calls", "endpoint", "methods", "name", "opened", "peer")

    def __init__(self, peer: Any, name: str, endpoint: str, methods: dict[bytes, Method]) -> None:
        self.peer = peer
        self.name = name
        self.endpoint = endpoint
        self.methods = methods
        self.calls: dict[bytes, Call] = {}
        self.opened = 0


class Worker:
    """A connection that serves calls; `calls` holds those it works on by token.

    It gets new calls unless it is draining (an operator said so), leaving (it said so itself), busy
    (it did not answer a ping), paused (its connection takes no more for now), ejected or full.
    `most` bounds `load`, `handed` counts the messages given out for it. `rung` and `slot` are where
    the balance keeps it, `ratio` how much faster than the strongest of its pool it fills up.
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
        "is_leaving",
        "is_paused",
        "joined",
        "latency",
        "most",
        "name",
        "orphans",
        "peer",
        "ping_token",
        "pool_index",
        "ratio",
        "rung",
        "slot",
        "turns",
        "until",
        "weight",
    )

    def __init__(
        self,
        peer: Any,
        name: str,
        endpoint: str,
        pool_index: int,
        now: float,
        *,
        weight: int = 1,
        is_backup: bool = False,
        most: int | None = None,
    ) -> None:
        self.peer = peer
        self.name = name
        self.endpoint = endpoint
        self.pool_index = pool_index
        self.joined = now
        self.weight = weight
        self.is_backup = is_backup
        self.most = most
        self.calls: dict[bytes, Call] = {}
        # Calls whose client is gone, of which the worker need not know yet: they still cost it.
        self.orphans: dict[bytes, Call] = {}
        self.handed = 0
        self.is_draining = self.is_leaving = self.is_busy = self.is_paused = False
        self.is_eligible = False  # and so held by the balance of its pool
        self.until: float | None = None  # ejected until then
        self.failures = 0
        self.ejections = 0
        self.ping_token = b""
        self.ratio: float = 1
        self.rung = self.slot = self.turns = 0
        self.ewma = 0.0
        self.counters = Counters()
        self.latency = histogram()

    @property
    def load(self) -> int:
        """How many calls it works on."""
        return len(self.calls) + len(self.orphans)

    @property
    def is_usable(self) -> bool:
        """Whether it is well, though it may be full just now."""
        is_going = self.is_draining or self.is_leaving
        return not (is_going or self.is_busy or self.until is not None)

    @property
    def may_take(self) -> bool:
        """Whether it may get one more call."""
        has_room = self.most is None or self.load < self.most
        return has_room and self.is_usable and not self.is_paused
