"""How many arrays and maps an event holds, found out before or while it is decoded.

A few megabytes of empty maps decode into gigabytes and hold the interpreter lock for seconds, the
watchdog's heartbeats included. MessagePack itself bounds no more than the length of each container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerorpc.errors import RemoteProtocolError

# fixmap and fixarray, then array16, array32, map16 and map32.
_CONTAINER_BYTES = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
# Where the bytes of a value end (for arrays and maps: those of their header) by its first byte...
_FIXED_BYTES = {
    **{0xA0 + length: 1 + length for length in range(32)},
    **dict.fromkeys((0xCC, 0xD0), 2),
    **dict.fromkeys((0xCD, 0xD1, 0xD4, 0xDC, 0xDE), 3),
    0xD5: 4,
    **dict.fromkeys((0xCA, 0xCE, 0xD2, 0xDD, 0xDF), 5),
    0xD6: 6,
    **dict.fromkeys((0xCB, 0xCF, 0xD3), 9),
    0xD7: 10,
    0xD8: 18,
}
# ... or how many bytes of length follow it, and how many between these and the body.
_SIZED = {
    **dict.fromkeys((0xC4, 0xD9), (1, 0)),
    **dict.fromkeys((0xC5, 0xDA), (2, 0)),
    **dict.fromkeys((0xC6, 0xDB), (4, 0)),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
}
# So many steps of a walk cost less than one pass over a large event.
_FREE_STEPS = 256
# Counted at a time: the copies stay small.
_PIECE_BYTES = 1 << 20


def may_have_more_containers(blob: bytes | memoryview, limit: int) -> bool:
    """Tell whether `blob` could hold more than `limit` arrays and maps, without decoding it.

    Never says no wrongly. Passes over the first values, among which the large ones mostly are, and
    counts in the rest whatever looks like the first byte of a container, at 1 to 2 ns a byte.
    """
    if len(blob) <= limit:
        return False
    position = 0
    for step in range(_FREE_STEPS):
        if position >= len(blob):
            return step > limit
        position = _value_end(blob, position)
    # As if all that was passed over had been containers: too many is the safe side.
    seen = _FREE_STEPS
    for start in range(position, len(blob), _PIECE_BYTES):
        piece = bytes(blob[start : start + _PIECE_BYTES])
        seen += len(piece) - len(piece.translate(None, _CONTAINER_BYTES))
        if seen > limit:
            return True
    return False


def _value_end(blob: bytes | memoryview, position: int) -> int:
    first = blob[position]
    sized = _SIZED.get(first)
    if sized is None:
        return position + _FIXED_BYTES.get(first, 1)
    length_bytes, gap = sized
    start = position + 1 + length_bytes
    return start + gap + int.from_bytes(blob[position + 1 : start], "big")


def at_most(limit: int) -> Callable[[Any], Any]:
    """Return a hook that lets `limit` arrays and maps pass and ends the decoding at the next."""
    # An exhausted iterator is the cheapest counter there is: no name is rebound in a hook that may
    # run a million times.
    tickets = iter(range(limit))

    def pass_on(container: Any) -> Any:
        for _ in tickets:
            return container
        raise RemoteProtocolError("too_many_containers", f"more than {limit} arrays and maps")

    return pass_on
