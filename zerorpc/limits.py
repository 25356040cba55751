"""What one peer may cost: the bounds of everything that it could make large."""

from __future__ import annotations

from typing import Any, NamedTuple

# Where 0 has a meaning: no call is taken, nothing may wait.
_MAY_BE_NONE = frozenset(("channels", "channels_per_peer", "backlog_bytes", "waiting_bytes"))


class Limits(NamedTuple):
    """What one peer may cost us; the defaults are generous and all finite.

    `event_bytes` bounds one event both ways, `containers` the arrays and maps in a received one,
    and `items` the values in all of these together, keys included.
    `channels` bounds the open conversations of a socket, `channels_per_peer` those of one peer.
    `window` and `window_bytes` bound what a stream's receiver promises when no `slots` are given;
    `unread_bytes` is where a conversation whose reader does not keep up is broken off.
    `waiting_bytes` bounds the calls of a server, and the messages of a Puller, that wait for their
    turn; `backlog_bytes`, per peer, what waits because the peer or the network takes no more.
    """

    # A tuple and no dataclass, as all constant records here: a process that starts makes the
    # class in a fifth of the time.
    # Beyond what one should send in one piece (stock stops at 100 MiB); streams carry the rest.
    event_bytes: int = 256 << 20
    # About 16 MB and 60 ms of the interpreter lock, if they are all empty maps.
    containers: int = 250_000
    # Up to half a gigabyte once decoded, and 1 s without a turn for others but heartbeats.
    items: int = 4_000_000
    # An open call costs a server about 10 kB, nearly all of it the greenlet of its handler.
    channels: int = 100_000
    channels_per_peer: int = 50_000
    # Ten times stock's: more than twice the items a second. More gains no more.
    window: int = 1000
    window_bytes: int = 16 << 20
    # Honest peers meet this only if their items grow a thousandfold within one window.
    unread_bytes: int = 1 << 30
    waiting_bytes: int = 256 << 20
    backlog_bytes: int = 64 << 20


def check_limits(value: Any) -> Limits:
    """Return the limits to use, the defaults for None; what cannot be meant is told by its field.

    Not when a `Limits` is made: `_replace` makes one as well, without asking anybody.
    """
    if value is None:
        return Limits()
    if not isinstance(value, Limits):
        raise TypeError(f"limits={value!r}: should be a zerorpc.Limits, or None")
    # All are compared with sizes in the loop, where a text or a NaN would cost every peer its call.
    bounds: dict[str, Any] = value._asdict()
    for name, bound in bounds.items():
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise TypeError(f"limits: {name}={bound!r} should be a whole number")
        least = 0 if name in _MAY_BE_NONE else 1
        if bound < least:
            raise ValueError(f"limits: {name}={bound!r} should be at least {least}")
    return value
