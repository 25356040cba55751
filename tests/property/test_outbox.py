"""An outbox gives back, in whatever portions it is taken, exactly the bytes that were put in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zerorpc.connection.outbox import Outbox, joined

SIZES = st.one_of(st.integers(0, 40), st.integers(16_380, 16_390), st.just(70_000))
PIECES = st.lists(SIZES, max_size=30)


def pieces_of(sizes: list[int]) -> list[bytes | memoryview]:
    """Make pieces that can be told apart, some as views."""
    made = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    return [memoryview(piece) if len(piece) % 2 else piece for piece in made]


@given(st.lists(PIECES, max_size=4), st.lists(st.integers(1, 100_000), max_size=40))
def test_bytes_come_out_as_they_went_in(batches: list[list[int]], portions: list[int]) -> None:
    outbox, expected, taken = Outbox(), b"", b""
    for batch in batches:
        pieces = pieces_of(batch)
        outbox.add(pieces)
        expected += b"".join(pieces)
    for portion in portions:
        offered = b"".join(outbox.offer())
        assert bool(offered) == bool(outbox) == bool(outbox.size)
        size = min(portion, len(offered))
        taken += offered[:size]
        outbox.take(size)
        assert outbox.size == len(expected) - len(taken)
    assert taken + outbox.content() == expected


@given(PIECES)
def test_small_batches_become_one_piece(sizes: list[int]) -> None:
    pieces = pieces_of(sizes)
    data = joined(pieces)
    assert data is None or data == b"".join(pieces)
    assert (data is None) <= (sum(sizes) > 65536)


def test_an_offer_is_no_more_than_a_system_call_takes() -> None:
    outbox = Outbox()
    outbox.add([b"x" * 16_384] * 2000)
    assert len(outbox.offer()) <= 1024
    assert sum(map(len, outbox.offer())) <= 2 << 20


def test_large_pieces_are_not_copied() -> None:
    outbox, large = Outbox(), b"x" * 100_000
    outbox.add([b"small", b"small", large])
    assert outbox.offer()[1] is large
