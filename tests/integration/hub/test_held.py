"""Pushers that come, speak and go while the queue of a pipeline is full."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from msgpack import packb

import zerorpc
from tests.integration.connection.ends import Place, place, raw
from tests.integration.running import Keep, begin, wait_until
from zerorpc_daemon.document import parse
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.validation import validate
from zerorpc_hub.config import Config, Way
from zerorpc_hub.oneway import PipelineTraffic

GREETING = (
    b"\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL".ljust(64, b"\0")
    + b"\4\x1a\5READY\x0bSocket-Type\0\0\0\4PUSH"
)
LOCAL = "tcp://127.0.0.1:*"


class Line:
    """A pipeline in this process whose queue is full with one message."""

    def __init__(self, here: Place, keep: Keep, connections: int = 1000) -> None:
        text = f"type: pipeline\nqueue: {{max: 1}}\nlimits: {{connections: {connections}}}\n"
        hub = validate(parse(f"in: '{LOCAL}'\nout: '{LOCAL}'\n{text}", "hub.yml"), Config)
        self.traffic = PipelineTraffic(hub, EventLog("test"))
        self.board, self.keep = here.board, keep
        # Their owners are the hub's, which notes nothing for a test.
        self.front = here.listen(self.traffic.front("in"), socket_type="PULL")  # type: ignore[arg-type]
        way = Way(bind=(LOCAL,))
        self.back = here.listen(self.traffic.back("out", "", way), socket_type="PUSH")  # type: ignore[arg-type]

    @property
    def told(self) -> tuple[int, int]:
        """How many messages it took in, and how many wait."""
        told = self.traffic.statistics()
        return told["messages"]["in"], told["queued"]

    def push(self, number: int) -> socket.socket:
        """Say one thing in the same breath as the greeting, so that one read brings both."""
        body = packb([{"message_id": b"%d" % number, "v": 3}, "hear", [number]])
        pusher: socket.socket = self.keep(raw(self.front.endpoint))
        pusher.sendall(GREETING + b"\0%c" % len(body) + body)
        return pusher

    def await_pushers(self, count: int) -> None:
        """Wait until so many are there."""
        wait_until(lambda: self.traffic.statistics()["pushers"] == count, f"{count} pushers")

    def await_held(self, pusher: socket.socket) -> None:
        """Wait until one of them is not read."""
        name = f"tcp://127.0.0.1:{pusher.getsockname()[1]}"
        held = self.traffic.held
        wait_until(lambda: name in [each.remote for each in held.all()], f"{name} is held")

    def pull(self) -> list[int]:
        """Let a puller come; returns what it hears from now on."""
        heard: list[int] = []
        puller = self.keep(zerorpc.Puller({"hear": heard.append}))
        puller.connect(self.back.endpoint)
        begin(puller.run)
        return heard


@pytest.fixture
def here() -> Iterator[Place]:
    with place(scan=0.02) as made:
        yield made


def test_pushers_that_come_while_it_is_full_add_nothing_and_lose_nothing(
    here: Place, keep: Keep
) -> None:
    line = Line(here, keep)
    pushers = [line.push(0)]
    line.await_pushers(1)
    for number in range(1, 20):
        pushers.append(line.push(number))
        line.await_pushers(number + 1)
    assert line.told == (1, 1)
    assert line.traffic.in_progress == 20
    # One that has more to say is not read.
    pushers[5].sendall(b"\2" + (1 << 20).to_bytes(8, "big") + bytes(1000))
    # The first one's message was read, so that nothing keeps its connection.
    pushers.pop(0).close()
    line.await_pushers(19)
    assert not any(each.session.missing for each in line.traffic.there.at("in", "in"))
    for each in pushers:
        each.close()
    heard = line.pull()
    wait_until(lambda: sorted(heard) == list(range(20)), "nothing was lost")
    line.await_pushers(0)


def test_those_that_went_leave_room_for_a_puller(here: Place, keep: Keep) -> None:
    line = Line(here, keep, connections=8)
    line.push(0).close()
    wait_until(lambda: line.told == (1, 1), "it is full")
    line.push(1)
    line.await_pushers(1)
    for number in range(2, 30):
        pusher = line.push(number)
        line.await_held(pusher)
        pusher.close()
    assert line.board.closed["left_unread"] >= 24
    assert len(line.board.connections) <= 5
    heard = line.pull()
    wait_until(lambda: 1 in heard, "who stays is heard")


def test_what_is_held_goes_over_to_the_next_process(here: Place, keep: Keep) -> None:
    line = Line(here, keep)
    line.push(0)
    line.push(1)
    line.await_pushers(2)
    state = line.traffic.export(lambda _: 0)
    heir = Line(here, keep)
    heir.traffic.restore({**state, "pullers": []}, {})
    assert heir.told == (2, 2)
    heir.push(2)
    heir.await_pushers(1)
    assert heir.told == (2, 2)
