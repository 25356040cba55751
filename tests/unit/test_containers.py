"""Arrays and maps are bounded before they cost anything, and nothing else is taken for them."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest

from zerorpc.containers import Count, in_slices, may_have_more
from zerorpc.errors import RemoteProtocolError
from zerorpc.wire import Codec

PLENTY = 1 << 30


def packed(*parts: Any) -> bytes:
    """Return parts as MessagePack itself packs them."""
    blob: bytes = msgpack.packb(list(parts), use_bin_type=True)
    return blob


def reason_of(blob: bytes, codec: Codec | None = None) -> str:
    """Return why a codec refuses a blob, "" if it does not."""
    try:
        (codec or Codec()).decode(blob)
    except RemoteProtocolError as error:
        return error.reason
    return ""


def count_containers(value: Any) -> int:
    """Count arrays and maps the slow way."""
    if isinstance(value, list):
        return 1 + sum(map(count_containers, value))
    if isinstance(value, dict):
        return 1 + sum(map(count_containers, value.values()))
    return 0


BOMBS = {
    "empty maps": [{}] * 1000,
    "empty arrays": [[]] * 1000,
    "long arrays": [[0] * 300] * 50,
    "arrays of 16 bits": [[0] * 20] * 700,
    "maps of 16 bits": [{str(key): {} for key in range(20)}] * 40,
    "maps behind a large binary": [b"\x80" * 100_000, [{}] * 1000],
    "maps behind a large text": ["\x7f" * 70_000, [{}] * 1000],
    "maps behind many binaries": [[b""] * 300, [{}] * 1000],
    "maps before many binaries": [[{}] * 1000, [b"\x80"] * 3000],
    "every kind of number": [[0, 127, 128, -1, -33, 300, 70_000, 1 << 33, -(1 << 33), 1.5]] * 90,
    "every kind of text": [["a" * 5, "b" * 40, "c" * 300, "d" * 70_000, b"e" * 300]] * 55,
    "every kind of ext": [
        [msgpack.ExtType(5, bytes(size)) for size in (0, 1, 2, 4, 8, 16, 17, 300, 70_000)]
    ]
    * 31,
    "float of 32 bits, nil and bools": [[None, True, False, 0.5]] * 300,
    "nested": [[[[[[[[]]]]]]]] * 150,
}


@pytest.mark.parametrize("args", BOMBS.values(), ids=BOMBS)
def test_containers_are_counted_exactly(args: Any) -> None:
    blob = packed({"message_id": b"id"}, "echo", args)
    number = 2 + count_containers(args)
    assert reason_of(blob, Codec(max_containers=number)) == ""
    assert Codec(max_containers=number).decode(blob).args == args
    assert reason_of(blob, Codec(max_containers=number - 1)) == "too_many_containers"


@pytest.mark.parametrize("args", BOMBS.values(), ids=BOMBS)
def test_the_quick_look_never_says_no_wrongly(args: Any) -> None:
    blob = packed(args)
    number = 1 + count_containers(args)
    for view in (blob, memoryview(blob)):
        assert may_have_more(view, number - 1, PLENTY)
        assert may_have_more(view, PLENTY, 1 + count_items(args))
        assert not may_have_more(view, len(blob), len(blob))


def test_the_quick_look_clears_what_is_large_for_other_reasons() -> None:
    for innocent in ([b"\x80" * 1_000_000], ["\x7f" * 1_000_000], [0] * 300_000, ["ab"] * 300_000):
        assert not may_have_more(packed({}, "echo", innocent), 250_000, 4_000_000)


def test_containers_that_are_not_all_there_are_malformed() -> None:
    bomb = b"\x93\x80\xa1a\xdd" + struct.pack(">I", 100_000) + b"\x80" * 99_999
    assert reason_of(bomb) == "malformed"
    assert reason_of(bomb, Codec(max_containers=1000)) == "malformed"


def test_text_full_of_suspicious_bytes_is_let_through() -> None:
    text = "\u044f" * 200_000  # each letter holds a byte that looks like a map
    event = Codec(max_containers=1000).decode(packed({}, "echo", [text] * 2 + [[]] * 990))
    assert event.args[0] == text


def test_hooks_let_so_many_pass_and_no_more() -> None:
    count = Count(3, PLENTY)
    assert [count.pass_array([]), count.pass_map([]), count.pass_array([1])] == [[], {}, [1]]
    for hook in (count.pass_array, count.pass_map):
        with pytest.raises(RemoteProtocolError, match="more than 3 arrays and maps"):
            hook([])


def test_hooks_count_values_and_keys() -> None:
    count = Count(PLENTY, 5)
    count.pass_map([(1, 2), (3, 4)])
    count.pass_array([5])
    with pytest.raises(RemoteProtocolError, match="more than 5 values"):
        count.pass_array([6])


def count_items(value: Any) -> int:
    """Count what is in arrays and maps the slow way, keys too."""
    if isinstance(value, list):
        return len(value) + sum(map(count_items, value))
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(count_items, value.values()))
    return 0


@pytest.mark.parametrize("args", BOMBS.values(), ids=BOMBS)
def test_values_are_counted_exactly(args: Any) -> None:
    blob = packed({"message_id": b"id"}, "echo", args)
    number = 5 + count_items(args)  # three of the event, two of the header
    assert Codec(max_items=number).decode(blob).args == args
    assert reason_of(blob, Codec(max_items=number - 1)) == "too_many_items"


FLAT = {
    "map": b"\xdf"
    + struct.pack(">I", 3000)
    + b"".join(b"\xcd%c%c\xc0" % divmod(key, 256) for key in range(3000)),
    "array": b"\xdd" + struct.pack(">I", 6000) + b"\xc0" * 6000,
}


@pytest.mark.parametrize("args", FLAT.values(), ids=FLAT)
def test_one_long_container_is_refused_by_what_it_claims(args: bytes) -> None:
    blob = b"\x93\x81\xaamessage_id\xa2id\xa4echo" + args
    assert reason_of(blob, Codec(max_items=6005)) == ""
    assert reason_of(blob, Codec(max_items=6004)) == "too_many_items"
    assert reason_of(blob, Codec(max_items=5990)) == "too_many_items"
    assert reason_of(blob[:-1], Codec(max_items=5990)) == "malformed"


@pytest.mark.parametrize("size", [1, 262_144, 262_145, 1_000_000])
def test_slices_make_the_whole(size: int) -> None:
    value = [b"x" * size, {"key": list(range(size // 4))}, "\u044f" * size]
    for blob in (packed(*value), memoryview(packed(*value) + b"trailing")):
        unpacker = msgpack.Unpacker(max_buffer_size=len(blob))
        assert in_slices(unpacker, unpacker.unpack, blob) == value
    unpacker = msgpack.Unpacker(max_buffer_size=len(blob))
    with pytest.raises(msgpack.OutOfData):
        in_slices(unpacker, unpacker.unpack, packed(*value)[:-1])


def test_other_threads_run_while_much_is_decoded() -> None:
    """No single call of MessagePack sees more than a slice."""
    fed: list[int] = []

    class Watched(msgpack.Unpacker):
        def feed(self, piece: Any) -> None:
            fed.append(len(piece))
            super().feed(piece)

    unpacker = Watched(max_buffer_size=2 << 20)
    assert len(in_slices(unpacker, unpacker.unpack, packed(*[0] * (1 << 20)))) == 1 << 20
    assert max(fed) <= 1 << 18


@pytest.mark.parametrize("count", [254, 255, 256, 257])
def test_a_walk_that_ends_with_the_event_has_counted_it(count: int) -> None:
    blob: bytes = msgpack.packb([[]] * count)
    assert may_have_more(blob, count, len(blob))


def stamped(count: int, *, are_keys: bool, padding: int = 0) -> bytes:
    """Return an event with timestamps in all three of their forms."""
    stamps = [
        msgpack.Timestamp(number << (32 * (number % 3 == 2)), number % 3) for number in range(count)
    ]
    value: Any = dict.fromkeys(stamps, 1) if are_keys else [dict.fromkeys("k", at) for at in stamps]
    return packed({"message_id": b"id"}, "echo", [value, ["x"] * padding])


@pytest.mark.parametrize("padding", [0, 70_000])
@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_timestamps_are_few_as_keys_and_many_as_values(kind: Any, padding: int) -> None:
    """Those of one hash can be chosen: as keys of a map they would take a time in its square."""
    assert reason_of(kind(stamped(256, are_keys=True, padding=padding))) == ""
    assert reason_of(kind(stamped(1000, are_keys=True, padding=padding))) == "too_many_timestamps"
    blob = kind(stamped(5000, are_keys=False, padding=padding))
    assert len(Codec().decode(blob).args[0]) == 5000


def test_timestamps_that_hide_in_many_maps_are_found() -> None:
    maps = [dict.fromkeys([msgpack.Timestamp(number, 0)], 1) for number in range(300)]
    assert reason_of(packed({"message_id": b"id"}, "echo", maps)) == ""  # too short to matter
    padded = packed({"message_id": b"id"}, "echo", [*maps, "x" * 5000])
    assert reason_of(padded) == "too_many_timestamps"
