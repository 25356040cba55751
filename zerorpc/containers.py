"""How many arrays, maps and values an event holds, found out before or while it is decoded.

A few megabytes of empty maps decode into gigabytes and hold the interpreter lock for seconds, the
watchdog's heartbeats included, and so does one map of ten million numbers. MessagePack itself
bounds no more than the length of each container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from msgpack import OutOfData

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
# Decoded at a time before other threads may have the lock: up to some 30 ms.
_SLICE_BYTES = 1 << 18


def may_have_more(blob: bytes | memoryview, containers: int, items: int) -> bool:
    """Tell whether `blob` could hold more arrays and maps, or values, than these, undecoded.

    Never says no wrongly. Passes over the first values, among which the large ones mostly are, and
    counts in the rest whatever looks like the first byte of a container, at 1 to 2 ns a byte.
    """
    limit = min(containers, items)
    if len(blob) <= limit:
        return False
    position = 0
    for step in range(_FREE_STEPS):
        if position >= len(blob):
            return step > limit
        position = _value_end(blob, position)
    # A value has a byte at least: so nothing more is to be seen of what is small without the rest.
    if _FREE_STEPS + len(blob) - position > items:
        return True
    # As if all that was passed over had been containers: too many is the safe side.
    seen = _FREE_STEPS
    for start in range(position, len(blob), _PIECE_BYTES):
        piece = bytes(blob[start : start + _PIECE_BYTES])
        seen += len(piece) - len(piece.translate(None, _CONTAINER_BYTES))
        if seen > containers:
            return True
    return seen > containers


def _value_end(blob: bytes | memoryview, position: int) -> int:
    first = blob[position]
    sized = _SIZED.get(first)
    if sized is None:
        return position + _FIXED_BYTES.get(first, 1)
    length_bytes, gap = sized
    start = position + 1 + length_bytes
    return start + gap + int.from_bytes(blob[position + 1 : start], "big")


class Count:
    """Hooks for MessagePack that let so many containers and values pass, and end at the next.

    A container counts when all of it is decoded; `most_items` is what the header of one may claim.
    """

    def __init__(self, containers: int, items: int) -> None:
        self._containers = containers
        self.most_items = self._left = items
        # An exhausted iterator is the cheapest counter there is: no name is rebound in a hook that
        # may run a million times.
        self._tickets = iter(range(containers))

    def pass_array(self, array: Any) -> Any:
        """Return a decoded array, counted."""
        return self._pass_on(array, len(array))

    def pass_map(self, decoded: Any) -> Any:
        """Return a decoded map, counted with its keys."""
        return self._pass_on(decoded, 2 * len(decoded))

    def _pass_on(self, container: Any, items: int) -> Any:
        self._left -= items
        if self._left < 0:
            self.refuse_items()
        for _ in self._tickets:
            return container
        raise RemoteProtocolError(
            "too_many_containers", f"more than {self._containers} arrays and maps"
        )

    def refuse_items(self) -> NoReturn:
        """Raise that there are too many values."""
        raise RemoteProtocolError("too_many_items", f"more than {self.most_items} values")


def in_slices(unpacker: Any, decode: Callable[[], Any], blob: bytes | memoryview) -> Any:
    """Feed `blob` to `unpacker` bit by bit until its method `decode` returns something.

    In one piece the interpreter lock would be held from the first value to the last.
    """
    view = memoryview(blob)
    for start in range(0, len(view), _SLICE_BYTES):
        unpacker.feed(view[start : start + _SLICE_BYTES])
        try:
            return decode()
        except OutOfData:
            continue  # it goes on where it was
    raise OutOfData
