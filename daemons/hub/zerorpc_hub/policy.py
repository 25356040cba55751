"""What an operator decides about a hub, as the broker needs it: plain, frozen, with defaults.

The configuration file is read elsewhere; this knows neither YAML nor sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Balance = Literal["least-outstanding", "round-robin", "least-ewma"]


@dataclass(frozen=True, slots=True)
class PoolPolicy:
    """How one pool of workers is used; times in seconds.

    `max_inflight` bounds the calls that a worker has at a time: what comes beyond waits in the
    queue, and is pulled as workers get free. `methods` are globs: a call goes to the first pool
    that has one which fits.
    """

    balance: Balance = "least-outstanding"
    max_inflight: int | None = None
    methods: tuple[str, ...] = ("*",)
    # A worker that has just come gets its full share only after so long; 0 means at once.
    slow_start: float = 0.0
    # So many calls overdue or connections lost with calls in a row, without one call answered, and
    # a worker gets no new ones for `eject_time`, doubled each time. None: never.
    eject_after: int | None = 5
    eject_time: float = 10.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How a hub works; times in seconds. `name` is what its errors say in the header `hub`."""

    name: str = "hub"
    pools: tuple[tuple[str, PoolPolicy], ...] = (("default", PoolPolicy()),)
    # Open at a time, waiting ones included; of one client no more than are left.
    calls: int = 100_000
    queue_max: int = 10_000
    queue_bytes: int = 256 << 20
    queue_timeout: float = 30.0
    # Globs of methods that do no harm when they run twice.
    idempotent: tuple[str, ...] = ()
    retry_share: float = 0.2
    retry_per_second: float = 10.0
    # A worker is asked `_zerorpc_ping` every so often; one that has not answered by the next time
    # is busy. 0: never.
    ping: float = 1.0
    # Without an event for so long a call is given up, where no heartbeats were seen on it.
    idle: float = 3600.0
    # A client that leaves more unread begins nothing new at half of it, and is soon hung up on.
    unsent_bytes: int = 64 << 20
    # How many hubs a call may pass.
    max_hops: int = 8
