"""Clients and a server under any interleaving, delay and loss: whole, in order, once, and over.

A call is a value, an error, a stream, a stream that breaks, or one that is never answered. Two
clients draw from the same ids, as nothing forbids.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.property.network import OUTCOMES, Answerer, Call, Caller, Script, Work
from zerorpc.channel import OPEN, Channel
from zerorpc.errors import RemoteError
from zerorpc.limits import Limits
from zerorpc.multiplexer import Multiplexer
from zerorpc.step import Request
from zerorpc.wire import Blob, Codec

KINDS = ("value", "stream", "error", "broken stream", "hang")
SIZES = (10, 10, 50, 600, 3000)
# As the defaults are, a thousandth of them: the largest items make the window 1.
LIMITS = Limits(window=20, window_bytes=4096)
FAR = 1e4


def work(request: Request) -> Work:
    """Answer as the name of the method asks for, with items of the sizes in its arguments."""
    kind, sizes = request.event.name, request.event.args
    if kind in ("stream", "broken stream"):
        for number, size in enumerate(sizes):
            yield "STREAM", [number, b"x" * size]
    if kind in ("error", "broken stream"):
        yield "ERR", ["ValueError", "as asked", None]
    elif kind == "stream":
        yield "STREAM_DONE", None
    elif kind == "value":
        yield "OK", [sum(sizes)]


class World:
    """Two clients, a server, and four lines between them."""

    def __init__(self, script: Script, interval: float | None) -> None:
        self.script = script
        self.interval = interval
        self.now = 0.0
        self.may_disturb = script.below(2) == 1
        self.is_disturbed = False
        self.is_passive = script.below(2) == 1
        self.clients = {name: self._client() for name in (b"A", b"B")}
        self.server = self._server()
        self.identities = {name: name for name in self.clients}
        self.known = list(self.clients)

    def _client(self) -> Caller:
        return Caller(self._multiplexer(is_server=False, is_passive=self.is_passive))

    def _server(self) -> Answerer:
        return Answerer(self._multiplexer(is_server=True), work)

    def _multiplexer(self, **settings: Any) -> Multiplexer:
        ids = map(b"%032x".__mod__, count())  # each begins with 0, like every other
        settings.update(interval=self.interval, limits=LIMITS)
        return Multiplexer(Codec(), ids.__next__, **settings)

    # -- what can happen -------------------------------------------------------------------------

    def act(self) -> None:
        """Do one thing."""
        name = self.script.below(2) * b"B" or b"A"
        act = self.script.below(16)
        if act < 4:
            self.deliver_request(name, 1 + self.script.below(3))
        elif act < 7:
            self.deliver_answer(name, 1 + self.script.below(3))
        elif act < 10:
            self.work_on_one()
        elif act < 12:
            self.read_one(name)
        elif act == 12:
            self.call(name)
        elif act == 13:
            self.pass_time((0.0, 0.1, 0.1, 0.5, 0.5, 0.9, 3.0, 40.0)[self.script.below(8)])
        elif act == 14 and self.script.below(4) == 0:
            self.close_one(name)
        elif act == 15 and self.may_disturb and self.script.below(8) == 0:
            self.disturb(name)
        self.check_windows()

    def call(self, name: bytes) -> None:
        kind = KINDS[self.script.below(len(KINDS))]
        sizes = [SIZES[self.script.below(len(SIZES))]] * self.script.below(60)
        sizes += [SIZES[self.script.below(len(SIZES))]] * self.script.below(60)
        timeout = (None, 0.5, 30.0)[self.script.below(3)]
        slots = (None, 1, 2, 3, 10)[self.script.below(5)]
        self.clients[name].call(kind, sizes, self.now, timeout, slots)

    def deliver_request(self, name: bytes, most: int) -> bool:
        messages = _taken(self.clients[name].outbox, most, [self.identities[name]])
        self.server.receive(messages, self.now)
        return bool(messages)

    def deliver_answer(self, name: bytes, most: int) -> bool:
        messages = _taken(self.server.outbox.get(self.identities[name], deque()), most, [])
        self.clients[name].receive(messages, self.now)
        return bool(messages)

    def work_on_one(self) -> None:
        handlers = list(self.server.handlers)
        if handlers:
            self.server.work(handlers[self.script.below(len(handlers))])

    def read_one(self, name: bytes) -> None:
        self._one_call(name, lambda client, call: client.read(call, self.now))

    def close_one(self, name: bytes) -> None:
        self._one_call(name, lambda client, call: client.close(call))

    def _one_call(self, name: bytes, act: Any) -> None:
        client = self.clients[name]
        calls = [call for call in client.calls if not call.is_over]
        if calls:
            act(client, calls[self.script.below(len(calls))])

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with both ends awake at every instant at which something is due."""
        end = self.now + seconds
        ends: list[Caller | Answerer] = [self.server, *self.clients.values()]
        while True:
            due = [each for each in ends if (each.multiplexer.deadline or FAR) <= end]
            if not due:
                break
            first = min(due, key=lambda each: each.multiplexer.deadline or FAR)
            self.now = max(self.now, first.multiplexer.deadline or 0.0)
            first.tick(self.now)
        self.now = max(self.now, end)

    def disturb(self, name: bytes) -> None:
        """Break a connection, with or without telling, or put an end to a process.

        The next connection of a client is a new peer to the server, with an identity of its own.
        """
        self.is_disturbed = True
        client, what = self.clients[name], self.script.below(4)
        client.outbox.clear()
        if what == 0:  # both ends see it
            client.disconnected()
            self.server.lost(self.identities[name], self.now)
        elif what == 1:  # the server starts anew
            self.server = self._server()
            for each in self.clients.values():
                each.outbox.clear()
        elif what == 2:  # the client starts anew, and nobody asks for its calls any more
            self.clients[name] = self._client()
        # and else neither end sees it
        self.identities[name] = b"%b%d" % (name, len(self.known))
        self.known.append(self.identities[name])

    # -- what must hold --------------------------------------------------------------------------

    def check_windows(self) -> None:
        """No sender may hold, and no reader be sent, more than the reader's window."""
        for name, client in self.clients.items():
            for call in client.calls:
                assert call.items == list(range(len(call.items)))
                if not call.is_over and call.channel.state is OPEN:
                    self._check_window(name, call.channel)

    def _check_window(self, name: bytes, channel: Channel) -> None:
        serving = self.server.multiplexer.channels.get((self.identities[name], channel.id))
        window = max(channel.slots or LIMITS.window, 1)
        held = len(channel.unread or ()) + channel.promised
        assert held <= window
        if serving is not None and not self.is_disturbed:
            assert serving.credit <= channel.promised

    def settle(self) -> None:
        """Deliver, work and read until nobody can do any more."""
        for _ in range(10_000):
            moved = False
            for name, client in self.clients.items():
                moved |= self.deliver_request(name, 5)
                moved |= self.deliver_answer(name, 5)
                for call in client.calls:
                    moved |= client.read(call, self.now)
            for channel in list(self.server.handlers):
                moved |= self.server.work(channel)
            self.check_windows()
            if not moved:
                return
        raise AssertionError("it goes on for ever")

    def finish(self) -> None:
        """Bring all to an end, and look at it."""
        self.settle()
        calls = [call for client in self.clients.values() for call in client.calls]
        if not self.is_disturbed:
            stuck = [call for call in calls if not call.is_over and call.kind != "hang"]
            assert not stuck, "a call came to no end though nothing was lost"
        self._think()
        self._live([10.0] * 6)
        for client in self.clients.values():
            for call in client.calls:
                # Heartbeats tell of a peer that is gone, not of one that thinks for ever.
                is_watched = self.interval is not None and not call.channel.is_passive
                is_bounded = call.channel.timeout is not None or (
                    is_watched and self.is_disturbed and call.kind != "hang"
                )
                assert call.is_over or not is_bounded
            client.shut()
        self.settle()
        assert all(call.outcome in OUTCOMES for call in calls)
        for call in calls:
            self._check_result(call)
        self._check_nothing_is_left()

    def _think(self) -> None:
        """Let time pass while every message arrives: who only thinks is not taken for dead."""
        self._live([0.01, 0.7, 0.7, 0.7])  # what was late before may still be judged
        calls = [call for client in self.clients.values() for call in client.calls]
        thinking = [call for call in calls if not call.is_over and call.channel.timeout is None]
        self._live([0.7] * 12)
        assert self.is_disturbed or not any(call.is_over for call in thinking)

    def _live(self, pauses: list[float]) -> None:
        for seconds in pauses:
            self.pass_time(seconds)
            self.settle()

    def _check_result(self, call: Call) -> None:
        assert call.items == list(range(len(call.items)))
        assert not call.channel.unread or call.outcome == "ClosedError"
        if call.outcome == "value":
            assert len(call.items) == (len(call.sizes) if call.kind == "stream" else 0)
            assert call.kind in ("value", "stream")
        elif isinstance(call.error, RemoteError) and call.error.name == "ValueError":
            assert call.kind in ("error", "broken stream")
            assert len(call.items) == (len(call.sizes) if call.kind == "broken stream" else 0)

    def _check_nothing_is_left(self) -> None:
        for client in self.clients.values():
            assert not client.multiplexer.channels
        if self.interval is None:
            for identity in self.known:
                self.server.lost(identity, self.now)
        self.pass_time(10.0)
        self.settle()
        assert not self.server.multiplexer.channels
        assert not self.server.handlers


def _taken(line: deque[Any], most: int, envelope: list[Blob]) -> list[list[Blob]]:
    """Take up to so many messages off a line, as the other end's socket gives them."""
    return [[*envelope, *line.popleft()] for _ in range(min(most, len(line)))]


@given(script=st.binary(min_size=300, max_size=900), interval=st.sampled_from([1.0, None]))
@example(script=b"", interval=1.0)
def test_every_call_ends_once_and_every_stream_is_whole(
    script: bytes, interval: float | None
) -> None:
    world = World(Script(script), interval)
    while not world.script.is_over:
        world.act()
    world.finish()
