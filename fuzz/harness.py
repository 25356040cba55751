"""What must hold for any bytes whatsoever: one function per target, none of which may raise.

`decode`, `peek` and `count` take a blob as it would come in the last frame. `serve` and `call` take
a script (see `steps`) of whole messages, of time that passes and of what owners of channels do.
`handshake` and `traffic`, of a ZMTP session, are in `sessions`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from fuzz.sessions import handshake, traffic
from zerorpc.beats import overdue
from zerorpc.channel import OPEN
from zerorpc.containers import may_have_more
from zerorpc.errors import RemoteProtocolError, ZerorpcError
from zerorpc.limits import Limits
from zerorpc.multiplexer import Multiplexer
from zerorpc.step import Step
from zerorpc.wire import STREAM, Codec, Event, peek_header

LIMITS = Limits(
    event_bytes=4096,
    containers=50,
    items=400,
    channels=20,
    channels_per_peer=5,
    window=8,
    unread_bytes=20000,
)
INTERVAL = 1.0
# More reasons to drop an event than this would let a peer make the counters grow.
MOST_REASONS = 20
_OPENED = 2  # channels that `call` has open from the start


def new_codec() -> Codec:
    """A codec with limits so low that short inputs reach them."""
    return Codec((), LIMITS.event_bytes, LIMITS.containers, LIMITS.items)


def decode(data: bytes) -> None:
    """Decoding gives an event or the one error that is counted, and is stable when repeated."""
    codec = new_codec()
    try:
        event = codec.decode(data)
    except RemoteProtocolError:
        return
    assert type(event.name) is str
    assert type(event.header) is dict
    try:
        again = codec.event(event)
    except (ZerorpcError, ValueError, TypeError, OverflowError):
        return  # larger than the limit once written, or a value that only reads
    assert codec.event(codec.decode(again)) == again


def peek(data: bytes) -> None:
    """A peek never raises, and sees the header that decoding sees."""
    header = peek_header(data)
    assert type(header) is dict
    try:
        event = new_codec().decode(data)
    except RemoteProtocolError:
        return
    assert repr(header) == repr(event.header)


def containers_in(value: Any) -> int:
    """How many arrays and maps a decoded value holds, itself included."""
    if isinstance(value, dict):
        return 1 + sum(map(containers_in, itertools.chain(value.keys(), value.values())))
    if isinstance(value, list | tuple):
        return 1 + sum(map(containers_in, value))
    return 0


def count(data: bytes) -> None:
    """The look before decoding never says that there are few containers when there are many."""
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except Exception:  # what msgpack cannot read cannot be counted to compare
        return
    held = containers_in(value)
    # Keys that are equal meet in one entry, so more may have been read than are left.
    for limit in (0, held // 2, held - 1):
        assert limit >= held or may_have_more(data, limit, len(data))


def steps(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a script into steps: one byte says what to do, two how long the bytes for it are."""
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position + 1 : position + 3], "little")
        position += 3
        yield data[position - 3], data[position : position + length]
        position += length


class World:
    """A multiplexer that is fed from a script, and the promises that it must keep."""

    def __init__(self, *, is_server: bool) -> None:
        numbers = itertools.count()
        self.now = 0.0
        self.is_server = is_server
        self.multiplexer = Multiplexer(
            new_codec(),
            lambda: b"%032x" % next(numbers),
            is_server=is_server,
            interval=INTERVAL,
            limits=LIMITS,
        )

    def run(self, data: bytes) -> None:
        """Carry out a script and look at the promises after each step."""
        for action, payload in steps(data):
            self.now += (action >> 4) / 8
            self.perform(action & 15, payload)
            self.check()

    def perform(self, action: int, payload: bytes) -> None:
        """Do one step: most are messages, of one of two peers, with envelopes of any depth."""
        multiplexer = self.multiplexer
        if action < 10:
            prefix = [b"peer-%d" % (action % 2)] if self.is_server else []
            hops = [b"hop"] * (action // 4)
            delimiter = [] if action == 9 else [b""]
            self.take(multiplexer.receive([[*prefix, *hops, *delimiter, payload]], self.now))
        elif action == 10:
            self.take(multiplexer.on_deadline(self.now))
        elif action == 11:
            self.take(multiplexer.lose(b"peer-0" if self.is_server else None, "gone"))
        elif action == 12:
            overdue(multiplexer, self.now, 0.1)
        else:
            self.own(action, payload)

    def own(self, action: int, payload: bytes) -> None:
        """Act as the owner of the first open channel: read, answer, or close."""
        for channel in itertools.islice(self.multiplexer.channels.values(), 1):
            try:
                if action == 13:
                    while channel.take() is not None:
                        self.multiplexer.grant(channel)
                elif action == 14:
                    self.sent(self.multiplexer.send(channel, STREAM, payload))
                else:
                    self.multiplexer.close(channel)
            except ZerorpcError:
                pass  # over, or no credit: that is an answer
            return

    def take(self, step: Step) -> None:
        """Look at what the multiplexer wants done."""
        for frames in step.send:
            self.sent(frames)
        for request in step.opened:
            assert request.channel.state is OPEN
            assert isinstance(request.event, Event)

    def sent(self, frames: tuple[Any, ...]) -> None:
        """Assert that a message could go on the wire and be read there."""
        assert all(isinstance(frame, bytes) for frame in frames)
        assert frames[-2] == b""
        Codec().decode(frames[-1])

    def check(self) -> None:
        """Assert that nothing grew beyond its limit."""
        multiplexer = self.multiplexer
        assert len(multiplexer.channels) <= LIMITS.channels
        assert len(multiplexer.dropped) <= MOST_REASONS, multiplexer.dropped
        for channel in multiplexer.channels.values():
            assert channel.state is OPEN
            assert channel.credit >= 0
            assert channel.promised >= 0
            assert channel.unread_bytes <= LIMITS.unread_bytes
            assert self.is_server or len(channel.unread or ()) <= 1 + LIMITS.window
        assert multiplexer.deadline is None or abs(multiplexer.deadline) < float("inf")


def serve(data: bytes) -> None:
    """A server's multiplexer keeps its promises, whatever its peers send."""
    World(is_server=True).run(data)


def call(data: bytes) -> None:
    """A client's multiplexer keeps its promises; its first calls have ids that seeds can name."""
    world = World(is_server=False)
    for _ in range(_OPENED):
        channel, _ = world.multiplexer.open("method", [], world.now, timeout=5.0)
        channel.is_sent = True
    world.run(data)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (decode, peek, count, serve, call, handshake, traffic)
}
