"""How many arrays, maps and values an event holds, found out before or while it is decoded.

A few megabytes of empty maps decode into gigabytes and hold the interpreter lock for seconds, the
watchdog's heartbeats included, and so does one map of ten million numbers. MessagePack itself
bounds no more than the length of each container.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from msgpack import OutOfData, Timestamp, Unpacker

from zerorpc.collisions import HARMLESS_KEYS, are_costly
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
# How a timestamp (ext type -1) begins, in its three forms, and how many are no danger as keys.
_TIMESTAMPS = (b"\xd6\xff", b"\xd7\xff", b"\xc7\x0c\xff")
_HARMLESS_TIMESTAMPS = 256
# In what is no longer, passing over values takes longer than to look at all of it.
_SMALL_BYTES = 65536
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
    steps, position = _first_values(blob)
    if position >= len(blob):
        return steps > limit
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


def has_many_timestamps(blob: bytes | memoryview) -> bool:
    """Tell whether `blob` could hold so many timestamps that, as keys of a map, they would hurt.

    Their hash is no secret, so all may be made to have the same: 64 KiB of these take half a second
    and ten times as much a hundred times as long. Up to twice as many may go unseen.
    """
    position = _first_values(blob)[1] if len(blob) > _SMALL_BYTES else 0
    seen = 0
    for start in range(position, len(blob), _PIECE_BYTES):
        piece = bytes(blob[start : start + _PIECE_BYTES])
        # Most hold few bytes of the kind that each of them has, which is quick to see.
        if piece.count(b"\xff") > _HARMLESS_TIMESTAMPS:
            seen += sum(map(piece.count, _TIMESTAMPS))
    return seen > _HARMLESS_TIMESTAMPS


def _first_values(blob: bytes | memoryview) -> tuple[int, int]:
    """Pass over the first values; returns how many, and where the rest begins."""
    position = 0
    for step in range(_FREE_STEPS):
        if position >= len(blob):
            return step, position
        position = _value_end(blob, position)
    return _FREE_STEPS, position


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
        self._timestamps = 0

    def pass_array(self, array: Any) -> Any:
        """Return a decoded array, counted."""
        return self._pass_on(array, len(array))

    def pass_map(self, pairs: list[tuple[Any, Any]]) -> Any:
        """Return the map of some pairs, counted with its keys."""
        for key, _ in pairs:
            if type(key) is Timestamp:
                self._timestamps += 1
        if self._timestamps > _HARMLESS_TIMESTAMPS:
            raise RemoteProtocolError(
                "too_many_timestamps", f"more than {_HARMLESS_TIMESTAMPS} as keys of maps"
            )
        return self._pass_on(checked_map(pairs), 2 * len(pairs))

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


def checked_map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the map of some pairs; a hook for MessagePack, which ends at keys that collide."""
    if len(pairs) > HARMLESS_KEYS:
        numbers = [hash(key) for key, _ in pairs if type(key) is int or type(key) is float]
        if len(numbers) > HARMLESS_KEYS and are_costly(numbers):
            detail = f"{len(numbers)} numbers as keys of a map, chosen to collide"
            raise RemoteProtocolError("colliding_keys", detail)
    return dict(pairs)


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


def unpack_counted(
    blob: bytes | memoryview,
    containers: int,
    items: int,
    ext_hook: Callable[[int, bytes], Any],
) -> Any:
    """Return the value in `blob`; raises `RemoteProtocolError` for more than so much in it."""
    try:
        dry_run = Unpacker(max_buffer_size=len(blob))
        in_slices(dry_run, dry_run.skip, blob)
    except Exception as error:
        raise RemoteProtocolError("malformed", type(error).__name__) from error
    count = Count(containers, items)
    unpacker = Unpacker(
        max_buffer_size=len(blob),
        raw=False,
        strict_map_key=False,
        max_array_len=items,
        max_map_len=items // 2,
        list_hook=count.pass_array,
        object_pairs_hook=count.pass_map,
        ext_hook=ext_hook,
    )
    try:
        return in_slices(unpacker, unpacker.unpack, blob)
    except RemoteProtocolError:
        raise
    except Exception as error:
        # MessagePack has no class of its own for a container that is longer than allowed.
        if " exceeds max_" in str(error) and isinstance(error, ValueError):
            count.refuse_items()
        raise RemoteProtocolError("malformed", what_is_wrong(error)) from error


def what_is_wrong(error: Exception) -> str:
    """Tell in a word why MessagePack refused something."""
    # Packers do write such keys, so it is the likeliest of all mistakes and hard to guess.
    if isinstance(error, TypeError) and "unhashable" in str(error):
        return "TypeError: a key of a map is an array or a map"
    return type(error).__name__
