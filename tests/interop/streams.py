"""Interactions with many answers: whole streams, slow readers, and streams that end early."""

from __future__ import annotations

from tests.interop.calls import TEXT
from tests.interop.pairs import Pair, new_tag

# Larger than any window, so that a sender which ignored its credit would run ahead visibly.
LONG = 6000
# Ours opens windows of up to 1000 items, stock of 100; the rest is what is under way.
MAY_RUN_AHEAD = 1200


def short_streams(pair: Pair) -> None:
    """Streams of a few sizes arrive whole and in order."""
    for number in (1, 2, 5, 100, 101, 250, 1000):
        assert pair.call("count", number) == list(range(number))


def empty_stream(pair: Pair) -> None:
    """A stream may have no items; the node dialect has no word for it but None."""
    expected: list[int] | None = (
        None if "node" in (pair.direction.client, pair.direction.server) else []
    )
    assert pair.call("count", 0) == expected


def interleaved_streams(pair: Pair) -> None:
    """Streams side by side, and calls between their items, do not disturb each other."""
    with pair.stream("count", 300) as first, pair.stream("count", 300) as second:
        for start in range(0, 300, 50):
            expected = list(range(start, start + 50))
            assert first.take(50) == expected
            assert pair.call("add", start, 1) == start + 1
            assert second.take(50) == expected
        assert first.take(1) == []
        assert second.take(1) == []


def error_in_mid_stream(pair: Pair) -> None:
    """The items before an exception arrive, then the exception."""
    with pair.stream("break_off", 3, TEXT) as stream:
        assert stream.take(3) == [0, 1, 2]
        error = None
        try:
            stream.take(1)
        except Exception as raised:
            error = raised
        assert getattr(error, "msg", None) == TEXT
    assert pair.call("add", 1, 1) == 2


def _settled(pair: Pair, tag: str) -> int:
    """Ask how far a producer came until it comes no further."""
    before, now = -1, 0
    while now != before:
        before, now = now, pair.call("made", tag)
    return now


def slow_reader_holds_back_the_producer(pair: Pair) -> None:
    """A producer waits for its reader, and goes on when that does."""
    tag = new_tag()
    with pair.stream("produce", tag, LONG) as stream:
        assert stream.take(10) == list(range(10))
        assert _settled(pair, tag) <= 10 + MAY_RUN_AHEAD
        assert pair.call("add", 1, 1) == 2
        assert stream.take(LONG) == list(range(10, LONG))
    assert pair.call("ended", tag) == "returned"


def slots_bound_the_window(pair: Pair) -> None:
    """`slots` says how many items a producer may be ahead."""
    tag = new_tag()
    with pair.stream("produce", tag, LONG, slots=10) as stream:
        assert stream.take(20) == list(range(20))
        # The sender takes one item out of the generator before it waits for credit.
        assert _settled(pair, tag) <= 20 + 10 + 2
        assert stream.take(LONG) == list(range(20, LONG))


def slow_reader_gets_everything(pair: Pair) -> None:
    """A node server does not wait for its reader, but nothing is lost.

    Its socket drops what it cannot queue at once (1000 messages), so a window must not be larger;
    several rounds, since whether it drops is a matter of timing.
    """
    for _ in range(10):
        tag = new_tag()
        with pair.stream("produce", tag, LONG) as stream:
            assert stream.take(10) == list(range(10))
            assert pair.call("ended", tag) == "returned"
            assert stream.take(LONG) == list(range(10, LONG))


def stream_dropped_early(pair: Pair) -> None:
    """A dropped stream's generator ends: at once where both ends are ours, else by silence."""
    tag = new_tag()
    with pair.stream("produce", tag, 10**6) as stream:
        assert stream.take(3) == [0, 1, 2]
        # A stock client that drops a stream while items still come in freezes for good, as in B1.
        _settled(pair, tag)
        stream.drop()
    assert pair.call("ended", tag) in ("GeneratorExit", "LostRemote")
    assert pair.call("made", tag) <= MAY_RUN_AHEAD
    assert pair.call("add", 1, 1) == 2


def stream_of_node_dropped_early(pair: Pair) -> None:
    """A node server takes no notice of a dropped stream; what it still sends harms nobody."""
    for _ in range(5):
        with pair.stream("count", 500) as stream:
            assert stream.take(3) == [0, 1, 2]
            stream.drop()
        assert pair.call("add", 1, 1) == 2
    assert pair.call("count", 250) == list(range(250))


def many_streams(pair: Pair) -> None:
    """300 streams of 250 items, then a plain call: where a stock server freezes for good (B1)."""
    # A stock client takes seconds for as many, and it is the node client that freezes a server.
    times = 30 if pair.direction.client == "stock" else 300
    counts = pair.client.ask("drain", name=pair.name, method="count", args=[250], times=times)
    assert counts == [250] * times
    assert pair.call("add", 1, 1) == 2
