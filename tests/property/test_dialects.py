"""Streams with peers of every kind end whole, however the wire delays and whoever is slow."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.property.dialects import (
    ADDING,
    NODE,
    Dialect,
    NodeReader,
    NodeSender,
    Reader,
    Sender,
)
from tests.property.network import Answerer, Caller, Script
from tests.property.test_channel_pair import LIMITS, work
from zerorpc.multiplexer import Multiplexer
from zerorpc.wire import Codec

SCRIPTS = st.binary(min_size=100, max_size=600)
# Streams whose items jump from tiny to larger than the whole window, and back.
SIZES = st.lists(
    st.tuples(st.sampled_from((10, 40, 600, 3000, 9000)), st.sampled_from((1, 10, 50, 150, 400))),
    max_size=4,
).map(lambda runs: [size for size, length in runs for _ in range(length)])
SLOTS = st.sampled_from((None, None, None, 1, 2, 3, 10, 100))


def multiplexer(*, is_server: bool) -> Multiplexer:
    ids = map(b"%032x".__mod__, count())
    return Multiplexer(Codec(), ids.__next__, is_server=is_server, interval=5.0, limits=LIMITS)


def taken(line: deque[Any], most: int) -> list[Any]:
    return [line.popleft() for _ in range(min(most, len(line)))]


class Serving:
    """Our server, a model client, and the wire."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.server = Answerer(multiplexer(is_server=True), work)

    def act(self, number: int, amount: int) -> bool:
        """Do one of four things, as often as told; tells whether anything moved."""
        if number == 0:
            messages = taken(self.reader.outbox, amount)
            self.server.receive([[b"peer", *frames] for frames in messages], 0.0)
            return bool(messages)
        if number == 1:
            messages = taken(self.server.outbox.setdefault(b"peer", deque()), amount)
            for frames in messages:
                self.reader.receive(frames[-1])
            return bool(messages)
        if number == 2:
            return sum(self._work() for _ in range(amount)) > 0
        return sum(self.reader.go_on() for _ in range(amount)) > 0

    def _work(self) -> bool:
        return any(map(self.server.work, list(self.server.handlers)))


class Calling:
    """Our client, a model server, and the wire."""

    def __init__(self, sender: Sender, slots: int | None) -> None:
        self.sender = sender
        self.client = Caller(multiplexer(is_server=False))
        self.client.call("stream", sender.sizes, 0.0, None, slots)
        (self.call,) = self.client.calls
        self.most_unread = 0

    def act(self, number: int, amount: int) -> bool:
        """Do one of four things, as often as told; tells whether anything moved."""
        if number == 0:
            messages = taken(self.client.outbox, amount)
            for frames in messages:
                self.sender.receive(frames[-1])
            return bool(messages)
        if number == 1:
            messages = taken(self.sender.outbox, amount)
            self.client.receive([list(frames) for frames in messages], 0.0)
            self.most_unread = max(self.most_unread, len(self.call.channel.unread or ()))
            return bool(messages)
        if number == 2:
            return sum(self.sender.go_on() for _ in range(amount)) > 0
        return sum(self.client.read(self.call, 0.0) for _ in range(amount)) > 0


def run(both: Serving | Calling, decisions: bytes) -> None:
    """Follow the script, and then let everybody do what they can."""
    script = Script(decisions)
    while not script.is_over:
        both.act(script.below(4), (1, 3, 40, 200)[script.below(4)])
    for _ in range(20_000):
        if not sum(both.act(number, 10) for number in range(4)):
            return
    raise AssertionError("it goes on for ever")


@given(
    dialect=st.sampled_from(ADDING),
    script=SCRIPTS,
    sizes=SIZES,
    size=st.sampled_from((2, 3, 10, 100)),
)
def test_our_streams_reach_readers_that_add(
    dialect: Dialect, script: bytes, sizes: list[int], size: int
) -> None:
    """The reader itself checks that it never gets more than it promised."""
    reader = Reader(dialect, sizes, size)
    run(Serving(reader), script)
    assert (reader.items, reader.end) == (list(range(len(sizes))), "STREAM_DONE")


@given(script=SCRIPTS, sizes=SIZES)
def test_our_streams_reach_zerorpc_node(script: bytes, sizes: list[int]) -> None:
    reader = NodeReader(NODE, sizes)
    run(Serving(reader), script)
    assert (reader.items, reader.end) == (list(range(len(sizes))), "STREAM_DONE")


@given(dialect=st.sampled_from(ADDING), script=SCRIPTS, sizes=SIZES, slots=SLOTS)
def test_streams_of_senders_that_add_reach_us(
    dialect: Dialect, script: bytes, sizes: list[int], slots: int | None
) -> None:
    check_reading(Calling(Sender(dialect, sizes), slots), script, slots)


@given(script=SCRIPTS, sizes=SIZES, slots=SLOTS)
def test_streams_of_zerorpc_node_reach_us(
    script: bytes, sizes: list[int], slots: int | None
) -> None:
    check_reading(Calling(NodeSender(NODE, sizes), slots), script, slots)


def check_reading(calling: Calling, script: bytes, slots: int | None) -> None:
    run(calling, script)
    call, window = calling.call, slots or LIMITS.window
    assert (call.items, call.outcome) == (list(range(len(call.sizes))), "value")
    assert not calling.sender.was_told_to_stop
    # Peers with text ids are promised up to half a window more where it shrinks under way.
    is_exact = slots is not None or not calling.sender.dialect.has_text_ids
    assert calling.most_unread <= (window if is_exact else window * 3 // 2) + 1
