"""Arrays and maps are bounded before they cost anything, and nothing else is taken for them."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest

from zerorpc.containers import at_most, may_have_more_containers
from zerorpc.errors import RemoteProtocolError
from zerorpc.wire import Codec


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
    assert may_have_more_containers(blob, number - 1)
    assert may_have_more_containers(memoryview(blob), number - 1)


def test_the_quick_look_clears_what_is_large_for_other_reasons() -> None:
    for innocent in ([b"\x80" * 1_000_000], ["\x7f" * 1_000_000], [0] * 300_000, ["ab"] * 300_000):
        assert not may_have_more_containers(packed({}, "echo", innocent), 250_000)


def test_containers_that_are_not_all_there_are_malformed() -> None:
    bomb = b"\x93\x80\xa1a\xdd" + struct.pack(">I", 100_000) + b"\x80" * 99_999
    assert reason_of(bomb) == "malformed"
    assert reason_of(bomb, Codec(max_containers=1000)) == "malformed"


def test_text_full_of_suspicious_bytes_is_let_through() -> None:
    text = "\u044f" * 200_000  # each letter holds a byte that looks like a map
    event = Codec(max_containers=1000).decode(packed({}, "echo", [text] * 2 + [[]] * 990))
    assert event.args[0] == text


def test_a_hook_lets_so_many_pass_and_no_more() -> None:
    pass_on = at_most(3)
    things: list[Any] = [[], {}, [1]]
    assert [pass_on(thing) for thing in things] == things
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="more than 3 arrays and maps"):
            pass_on([])
