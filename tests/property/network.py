"""A client, a server and the wire between them, in virtual time and without a loop.

`Caller` and `Answerer` do with a multiplexer what the gevent driver does, step by step, so that a
test decides what happens next: each message that is delivered, each item that is taken or made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from zerorpc.channel import OPEN, Channel
from zerorpc.errors import ClosedError, LostRemote, TimeoutExpired, ZerorpcError
from zerorpc.multiplexer import Multiplexer
from zerorpc.patterns import error_of
from zerorpc.step import Request, Step
from zerorpc.wire import Blob, Frames

# What a call ends in, and nothing else.
OUTCOMES = {"value", "ERR", "TimeoutExpired", "LostRemote", "ClosedError"}


class Script:
    """Decisions read from bytes that hypothesis made: it can shrink them, and they are cheap."""

    def __init__(self, decisions: bytes) -> None:
        self._decisions = iter(decisions)
        self.is_over = not decisions

    def below(self, bound: int) -> int:
        """Return a number below `bound`; 0 when the script is over."""
        decision = next(self._decisions, None)
        self.is_over = decision is None
        return (decision or 0) % bound


@dataclass
class Call:
    """One call as its owner sees it: what was asked, what came, and how it ended."""

    channel: Channel
    kind: str
    sizes: list[int]
    begun: float
    items: list[int] = field(default_factory=list)
    outcome: str | None = None
    error: ZerorpcError | None = None
    is_waiting: bool = False

    @property
    def is_over(self) -> bool:
        return self.outcome is not None


class Ear:
    """Notes when each channel was last heard of, and holds verdicts of silence against it."""

    def __init__(self, interval: float | None) -> None:
        self._interval = interval
        self._heard: dict[tuple[Any, ...], float] = {}

    def hear(self, multiplexer: Multiplexer, messages: list[list[Blob]], now: float) -> None:
        """Note what arrives."""
        for frames in messages:
            header = multiplexer.codec.decode(frames[-1]).header
            envelope = frames[:1] if multiplexer.is_server else []
            key = (*envelope, header.get("response_to", header["message_id"]))
            self._heard[key] = now

    def judge(self, channel: Channel, begun: float, now: float) -> None:
        """Check that a channel was lost neither too early nor too late."""
        silence = now - self._heard.get((*channel.envelope, channel.id), begun)
        assert self._interval is not None
        assert 2 * self._interval <= silence <= 3 * self._interval


class Caller:
    """A client process: its socket's multiplexer, its calls, and what it sends."""

    def __init__(self, multiplexer: Multiplexer) -> None:
        self.multiplexer = multiplexer
        self._ear = Ear(multiplexer.interval)
        self.calls: list[Call] = []
        self.outbox: deque[Frames] = deque()

    def call(
        self, kind: str, sizes: list[int], now: float, timeout: float | None, slots: int | None
    ) -> None:
        channel, frames = self.multiplexer.open(kind, sizes, now, timeout=timeout, slots=slots)
        self.outbox.append(frames)
        channel.is_sent = True
        self.calls.append(Call(channel, kind, sizes, now))

    def receive(self, messages: list[list[Blob]], now: float) -> None:
        self._ear.hear(self.multiplexer, messages, now)
        self._perform(self.multiplexer.receive(messages, now))

    def read(self, call: Call, now: float) -> bool:
        """Let the owner of a call take what has come; tells whether there was anything."""
        channel = call.channel
        if call.is_over:
            return False
        if not channel.unread and channel.state is OPEN:
            self._begin_to_wait(call, now)
            return False
        call.is_waiting = False
        try:
            event = channel.take()
        except ZerorpcError as error:
            call.outcome = type(error).__name__
            return True
        assert event is not None, "an end without a last event and without an error"
        if channel.until_grant <= 0 and channel.state is OPEN:
            more = self.multiplexer.grant(channel)
            if more is not None:
                self.outbox.append(more)
        if event.name == "STREAM":
            call.items.append(event.args[0])
        elif event.name == "ERR":
            call.outcome, call.error = "ERR", error_of(event)
        else:
            assert event.name in ("OK", "STREAM_DONE")
            call.outcome = "value"
        return True

    def _begin_to_wait(self, call: Call, now: float) -> None:
        if call.channel.item_bytes and not call.is_waiting:
            call.channel.await_item(now)
            self.multiplexer.consider(call.channel)
        call.is_waiting = True

    def close(self, call: Call) -> None:
        message = self.multiplexer.close(call.channel)
        if message is not None:
            self.outbox.append(message)

    def disconnected(self) -> None:
        self.outbox.clear()
        self._perform(self.multiplexer.lose(None, "the connection broke"))

    def tick(self, now: float) -> None:
        step = self.multiplexer.on_deadline(now)
        self._perform(step)
        for call in self.calls:
            if call.channel in step.woken:
                self._check_end(call, now)

    def _check_end(self, call: Call, now: float) -> None:
        channel = call.channel
        if isinstance(channel.error, LostRemote):
            self._ear.judge(channel, call.begun, now)
        elif channel.item_bytes:
            assert isinstance(channel.error, TimeoutExpired)
            assert channel.interval is None or channel.is_passive
            assert call.is_waiting, "timed out while nobody waited"

    def shut(self) -> None:
        for channel in list(self.multiplexer.channels.values()):
            self.multiplexer.fail(channel, ClosedError("this client was closed"))

    def _perform(self, step: Step) -> None:
        self.outbox.extend(step.send)
        assert not step.opened
        owners = [call.channel for call in self.calls if not call.is_over]
        assert all(channel in owners for channel in step.woken), "woken after the end"


Work = Iterator[tuple[str, Any]]


class Answerer:
    """A server process: its socket's multiplexer, its handlers, and what it sends to whom."""

    def __init__(self, multiplexer: Multiplexer, work: Callable[[Request], Work]) -> None:
        self.multiplexer = multiplexer
        self._ear = Ear(multiplexer.interval)
        self.handlers: dict[Channel, Work] = {}
        self.outbox: dict[bytes, deque[Frames]] = {}
        self._work = work
        self._next: dict[Channel, tuple[str, Any]] = {}

    def receive(self, messages: list[list[Blob]], now: float) -> None:
        self._ear.hear(self.multiplexer, messages, now)
        self._perform(self.multiplexer.receive(messages, now), now)

    def work(self, channel: Channel) -> bool:
        """Let a handler go on; tells whether it could."""
        if channel.state is not OPEN:
            del self.handlers[channel]
            self._next.pop(channel, None)
            return True
        if channel not in self._next:
            event = next(self.handlers[channel], None)
            if event is None:
                return False  # it thinks for ever
            self._next[channel] = event
        if channel.credit < 1:
            return False
        self._send(self.multiplexer.send(channel, *self._next.pop(channel)))
        return True

    def lost(self, identity: bytes, now: float) -> None:
        self.outbox.pop(identity, None)
        self._perform(self.multiplexer.lose(identity, "its connection broke"), now)

    def tick(self, now: float) -> None:
        step = self.multiplexer.on_deadline(now)
        self._perform(step, now)
        for channel in step.woken:
            self._ear.judge(channel, now, now)

    def _perform(self, step: Step, now: float) -> None:
        for frames in step.send:
            self._send(frames)
        for request in step.opened:
            channel = request.channel
            if request.start_by is not None and now >= request.start_by:
                late = ("TimeoutExpired", "the deadline passed unstarted")
                self._send(self.multiplexer.last_word(channel, *late))
            else:
                self.handlers[channel] = self._work(request)
        assert all(channel.state is not OPEN or channel in self.handlers for channel in step.woken)

    def _send(self, frames: Frames) -> None:
        self.outbox.setdefault(bytes(frames[0]), deque()).append(frames[1:])
