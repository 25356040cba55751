"""What a connection is made with, as plain data: its bounds, and what another process left."""

from __future__ import annotations

from dataclasses import dataclass

from zerorpc.zmtp import Snapshot


@dataclass(frozen=True, slots=True)
class Patience:
    """What a connection may cost, and how long its peer may be silent (seconds).

    `stalled` is how long a full connection may make no progress; None leaves that to its liveness.
    """

    full_bytes: int = 8 << 20
    most_bytes: int = 512 << 20
    handshake: float = 3.0
    ping_after: float = 1.0
    dead_after: float = 3.0
    stalled: float | None = None
    farewell: float = 1.0


@dataclass(frozen=True, slots=True)
class Handed:
    """A connection between two turns of its loop but for its socket, as plain data.

    `unsent` is what the system has not taken, `begins` where whole messages begin in it, `unheard`
    how many messages the peer was sent since it was last heard. The owner knows if it `is_full`.
    """

    session: Snapshot
    unsent: bytes = b""
    begins: tuple[int, ...] = ()
    unheard: int = 0
    is_full: bool = False
