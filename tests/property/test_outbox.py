"""An outbox gives back, in whatever portions it is taken, exactly the bytes that were put in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zerorpc.connection.outbox import Outbox, joined
from zerorpc.zmtp import Session, encode

SIZES = st.one_of(st.integers(0, 40), st.integers(16_380, 16_390), st.just(70_000))
# Each inner list is a message of frames, or, when empty, a command.
PIECES = st.lists(st.lists(SIZES, max_size=3), max_size=12)
COMMAND = Session("DEALER").ping()


def pieces_of(batch: list[list[int]]) -> list[bytes | memoryview]:
    """Make the pieces of messages whose bytes can be told apart, some as views."""
    pieces: list[bytes | memoryview] = []
    for number, sizes in enumerate(batch):
        bodies = [bytes([number % 251]) * size for size in sizes]
        if bodies:
            pieces += encode([memoryview(body) if len(body) % 2 else body for body in bodies])
        else:
            pieces += (COMMAND, b"")
    return pieces


def starts_of(batch: list[list[int]], offset: int) -> list[int]:
    """Return where the messages of a batch begin, when it begins at OFFSET."""
    return [
        offset + len(b"".join(pieces_of(batch[:number])))
        for number, sizes in enumerate(batch)
        if sizes
    ]


@given(st.lists(PIECES, max_size=4), st.lists(st.integers(1, 100_000), max_size=40))
def test_bytes_come_out_as_they_went_in(
    batches: list[list[list[int]]], portions: list[int]
) -> None:
    outbox, expected, taken = Outbox(), b"", b""
    begins: list[int] = []
    for batch in batches:
        begins += starts_of(batch, len(expected))
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
        left = [begin for begin in begins if begin >= len(taken)]
        assert outbox.whole == len(left)
        assert outbox.rest() == (expected[left[0] :] if left else b"")
    assert taken + outbox.content() == expected


@given(PIECES)
def test_small_batches_become_one_piece(batch: list[list[int]]) -> None:
    pieces = pieces_of(batch)
    data = joined(pieces)
    assert data == (b"".join(pieces) if sum(map(len, pieces)) <= 65536 else None)


def test_an_offer_is_no_more_than_a_system_call_takes() -> None:
    outbox = Outbox()
    outbox.add(pieces_of([[16_384]] * 2000))
    assert len(outbox.offer()) <= 1024
    assert sum(map(len, outbox.offer())) <= 2 << 20


def test_large_pieces_are_not_copied() -> None:
    outbox, large = Outbox(), b"x" * 100_000
    outbox.add([*encode([b"small", large])])
    assert outbox.offer()[1] is large
