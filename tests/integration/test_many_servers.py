"""One client of several servers: who gets a call, and what becomes of calls that nobody took."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    Serve,
    begin,
    open_calls,
    outcome,
    up,
    wait_until,
)

NOBODY = "tcp://127.0.0.1:1"


class Named:
    """Says who it is, at once or later."""

    def __init__(self, name: Any) -> None:
        self.name = name
        self.gate = Gate()

    def who(self) -> Any:
        return self.name

    def slow(self) -> Any:
        self.gate.enter()
        return self.name

    @zerorpc.stream
    def names(self, count: int) -> list[Any]:
        return [self.name] * count


@pytest.fixture
def services(serve: Serve) -> dict[str, Named]:
    """Three services by endpoint, each with a server of its own."""
    made = {}
    for name in "abc":
        service = Named(name)
        (endpoint,) = serve(service).endpoints
        made[endpoint] = service
    return made


@pytest.fixture
def client(dial: Dial, services: dict[str, Named]) -> zerorpc.Client:
    """A client of all three, each of which is up."""
    client = dial(*services, heartbeat=FAR_AWAY)
    wait_until(lambda: up(client) == set(services), "all connections stand")
    return client


def test_calls_go_to_all_in_turn(client: zerorpc.Client) -> None:
    assert Counter(client.who() for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_a_call_goes_where_the_fewest_are_open(
    client: zerorpc.Client, services: dict[str, Named]
) -> None:
    slow = [begin(client.slow) for _ in range(6)]
    wait_until(lambda: [each.gate.entered for each in services.values()] == [2] * 3, "two at each")
    free, *busy = services.values()
    free.gate.open()
    wait_until(lambda: sum(each.ready() for each in slow) == 2, "one has nothing to do")
    assert {client.who() for _ in range(10)} == {free.name}
    for each in busy:
        each.gate.open()
    assert Counter(map(outcome, slow)) == {"a": 2, "b": 2, "c": 2}


def test_a_conversation_stays_with_one_server(client: zerorpc.Client) -> None:
    reading = [gevent.spawn(lambda: list(client.names(1500))) for _ in range(12)]
    answers = [each.get(timeout=PATIENCE) for each in reading]
    assert all(len(set(answer)) == 1 and len(answer) == 1500 for answer in answers)
    assert {answer[0] for answer in answers} == {"a", "b", "c"}


def test_one_that_is_not_there_is_avoided(dial: Dial, serve: Serve) -> None:
    client = dial(NOBODY, serve(Named("a")), NOBODY, heartbeat=FAR_AWAY)
    wait_until(lambda: client.is_connected, "one connection stands")
    assert [client.who() for _ in range(20)] == ["a"] * 20


def test_one_that_went_away_is_avoided_from_then_on(dial: Dial, serve: Serve) -> None:
    staying = serve(Named("stays"))
    with RawServer() as raw:
        client = dial(raw.endpoint, staying, heartbeat=FAR_AWAY)
        wait_until(lambda: len(up(client)) == 2, "both connections stand")
        calls = [begin(client.who) for _ in range(4)]
        raw.take()
        raw.take()
    # Those that it had are lost; nobody can tell whether it began with them.
    ended = Counter[Any]()
    for call in calls:
        try:
            ended[outcome(call)] += 1
        except zerorpc.LostRemote:
            ended["lost"] += 1
    assert ended == {"stays": 2, "lost": 2}
    assert [client.who() for _ in range(20)] == ["stays"] * 20


def test_calls_that_nobody_took_go_to_the_first_that_comes_up(
    dial: Dial, serve: Serve, tmp_path: Path
) -> None:
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(3)]
    client = dial(*endpoints, heartbeat=FAR_AWAY)
    calls = [begin(client.who) for _ in range(12)]
    streams = [begin(client.names, 1500) for _ in range(3)]
    asynchronous = [client.who(async_=True) for _ in range(3)]
    assert [each["open_channels"] for each in client.statistics().values()] == [6, 6, 6]
    serve(Named("only"), endpoints[1])
    assert [outcome(call) for call in calls] == ["only"] * 12
    assert [list(outcome(stream)) for stream in streams] == [["only"] * 1500] * 3
    assert [each.get(timeout=PATIENCE) for each in asynchronous] == ["only"] * 3


def test_calls_that_wait_for_room_go_to_the_first_that_comes_up(
    dial: Dial, serve: Serve, tmp_path: Path
) -> None:
    endpoints = [f"ipc://{tmp_path}/{number}" for number in range(2)]
    limits = zerorpc.Limits(backlog_bytes=4096)
    client = dial(*endpoints, heartbeat=FAR_AWAY, limits=limits)
    calls = [begin(client.echo, b"x" * 1000) for _ in range(30)]
    queued = [each["queued_messages"] for each in client.statistics().values()]
    assert max(queued) < 10, "most of them wait for room"
    serve({"echo": len}, endpoints[1])
    assert [outcome(call) for call in calls] == [1000] * 30
    assert open_calls(client) == 0


def test_a_call_that_moved_keeps_its_timeout(dial: Dial, tmp_path: Path) -> None:
    client = dial(NOBODY, f"ipc://{tmp_path}/silent", heartbeat=FAR_AWAY)
    calls = [begin(client.who, timeout=0.2) for _ in range(4)]
    with RawServer() as raw:
        raw.socket.bind(f"ipc://{tmp_path}/silent")
        for call in calls:
            with pytest.raises(zerorpc.TimeoutExpired):
                outcome(call)


def test_calls_wait_while_nobody_is_up(dial: Dial, serve: Serve, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/later"
    client = dial(endpoint, heartbeat=FAR_AWAY)
    for name in ("first", "second"):
        calling = begin(client.who)
        with zerorpc.Server(Named(name)) as server:
            server.bind(endpoint)
            running = begin(server.run)
            assert outcome(calling) == name
        outcome(running)
        wait_until(lambda: not client.is_connected, "the connection is gone")
