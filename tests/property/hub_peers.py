"""Clients and workers of a hub, and what each remembers: enough to object to what must not be.

Data only; `hub_world` lets them act and checks what they are sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgpack import packb, unpackb

from zerorpc_hub.calls import Client, Frames, Worker
from zerorpc_hub.policy import Policy, PoolPolicy

_serials = count(1)

# Open at a time: a few more than wait and run where everybody is well.
CALLS = 16
QUEUE_MAX, QUEUE_BYTES, QUEUE_TIMEOUT = 4, 20_000, 7.0


def policy_of(balance: Any, eject_after: int | None, slow_start: float) -> Policy:
    """Return a policy with two pools, small bounds, and methods that may be started twice."""
    rules: dict[str, Any] = {
        "balance": balance,
        "eject_after": eject_after,
        "slow_start": slow_start,
    }
    bounded = PoolPolicy(methods=("bounded_*",), max_inflight=2, **rules)
    return Policy(
        pools=(("free", PoolPolicy(methods=("free_*",), **rules)), ("bounded", bounded)),
        calls=CALLS,
        queue_max=QUEUE_MAX,
        queue_bytes=QUEUE_BYTES,
        queue_timeout=QUEUE_TIMEOUT,
        idempotent=("*_safe",),
        retry_per_second=0.5,
        idle=60.0,
    )


def new_id() -> bytes:
    """Return an id that no other call has."""
    return b"%032x" % next(_serials)


def event(header: dict[str, Any], name: str, args: Any) -> bytes:
    """Return an event as stock packs it."""
    packed: bytes = packb([header, name, args])
    return packed


def later(call_id: Any, name: str, args: Any, **header: Any) -> bytes:
    """Return an event on the channel of a call."""
    return event({"message_id": new_id(), "v": 3, "response_to": call_id, **header}, name, args)


def read(frames: Frames) -> tuple[dict[str, Any], str, Any]:
    """Return header, name and arguments of the event in a message."""
    header, name, args = unpackb(frames[-1])
    return header, name, args


@dataclass(eq=False, slots=True)
class Call:
    """A call as its client knows it; `worker` and `token` are where the hub has it now.

    `fate` is the name of the worker's last word, or failed (by the hub), refused, cancelled.
    `said` counts the grants of its client, `relayed` those that `worker` was sent.
    """

    id: bytes
    caller: Caller
    method: str
    size: int
    opened: float
    expires: float | None
    version: int
    worker: Server | None = None
    token: bytes = b""
    fate: str | None = None
    attempts: int = 0
    said: int = 0
    relayed: int = 0
    heard: int = 0
    last_event: float = 0.0
    queued_since: float = 0.0
    has_moved: bool = False
    has_answered: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its client waits for more."""
        return self.fate is None

    @property
    def is_waiting(self) -> bool:
        """Whether no worker has it."""
        return self.fate is None and self.worker is None

    def goes_before(self, other: Call) -> bool:
        """Tell whether it has to get a worker before another call that waits for the same ones.

        Those that had a worker go first, in the order in which they lost it; of the others each
        client has its own in order.
        """
        if self.has_moved and other.has_moved:
            return self.queued_since < other.queued_since
        is_earlier = self.caller is other.caller and self.queued_since < other.queued_since
        return self.has_moved or (is_earlier and not other.has_moved)

    def lose_worker(self, now: float, *, was_started: bool) -> None:
        """Go back to the hub, which may give it to another worker."""
        self.worker, self.queued_since, self.has_moved = None, now, True
        self.attempts -= not was_started

    @property
    def is_idempotent(self) -> bool:
        """Whether the policy of the tests lets it be started twice."""
        return self.method.endswith("_safe")

    @property
    def pool(self) -> str:
        """The pool that serves it."""
        return self.method.partition("_")[0]


@dataclass(eq=False, slots=True)
class Caller:
    """A client; `envelope` is what it puts before each event, as another hub would."""

    envelope: Sequence[bytes]
    version: int
    handle: Client = field(init=False)
    calls: list[Call] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Job:
    """A call as its worker knows it."""

    call: Call
    envelope: Sequence[Any]


@dataclass(eq=False, slots=True)
class Server:
    """A worker. What it is sent lies on the `wire` until it reads.

    A blocked one reads, and only its thread for heartbeats answers; a frozen one does not read.
    """

    pool: str
    handle: Worker = field(init=False)
    wire: list[Frames] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    pings: list[Frames] = field(default_factory=list)
    is_blocked: bool = False
    is_frozen: bool = False
    is_drained: bool = False  # by the operator
    is_leaving: bool = False  # by itself, and ...
    has_said_so: bool = False  # ... the hub has heard of it
