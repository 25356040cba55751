"""A connection that breaks ends what is on it at once, long before a heartbeat could tell."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import msgpack
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    open_calls,
    outcome,
    up,
    wait_until,
)


@pytest.fixture
def client(dial: Dial) -> zerorpc.Client:
    """A client whose heartbeat and timeout cannot be what ends a call."""
    return dial(heartbeat=FAR_AWAY, timeout=None)


def told_by_the_connection(endpoint: str) -> str:
    return rf"the connection to {re.escape(endpoint)} broke \(method\)"


# -- the server goes away ------------------------------------------------------------------------


def test_every_call_on_a_connection_ends_with_it(client: zerorpc.Client) -> None:
    with RawServer() as raw:
        client.connect(raw.endpoint)
        calls = [begin(client.method) for _ in range(50)]
        for _ in calls:
            raw.take()
    for call in calls:
        with pytest.raises(zerorpc.LostRemote, match=told_by_the_connection(raw.endpoint)):
            outcome(call)
    assert open_calls(client) == 0


def test_an_asynchronous_call_ends_with_it(client: zerorpc.Client) -> None:
    with RawServer() as raw:
        client.connect(raw.endpoint)
        result = client.method(async_=True)
        raw.take()
    with pytest.raises(zerorpc.LostRemote, match=told_by_the_connection(raw.endpoint)):
        result.get(timeout=PATIENCE)


def test_a_stream_gives_what_has_come_and_ends_with_it(client: zerorpc.Client) -> None:
    with RawServer() as raw:
        client.connect(raw.endpoint)
        calling = begin(client.method)
        request = raw.take()
        raw.answer(request, "STREAM", 0)
        more = raw.take()
        assert more.name == "_zpc_more"
        for number in range(1, 10):
            raw.answer(request, "STREAM", number)
        stream = outcome(calling)
        # Another call's answer tells that the items have come.
        asking = begin(client.method)
        raw.answer(raw.take(), "OK", ["here"])
        assert outcome(asking) == "here"
    wait_until(lambda: not client.is_connected, "the connection is gone")
    assert [next(stream) for _ in range(10)] == list(range(10))
    with pytest.raises(zerorpc.LostRemote, match=told_by_the_connection(raw.endpoint)):
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)


def test_only_those_of_the_connection_end(client: zerorpc.Client) -> None:
    with RawServer() as staying:
        with RawServer() as leaving:
            client.connect(leaving.endpoint)
            ending = begin(client.method)
            leaving.take()
            client.connect(staying.endpoint)
            wait_until(lambda: len(up(client)) == 2, "both connections stand")
            going_on = begin(client.method)
            request = staying.take()
        with pytest.raises(zerorpc.LostRemote):
            outcome(ending)
        staying.answer(request, "OK", ["stayed"])
        assert outcome(going_on) == "stayed"


def test_the_next_call_waits_for_the_server_to_come_back(
    client: zerorpc.Client, tmp_path: Path
) -> None:
    endpoint = f"ipc://{tmp_path}/back"
    client.connect(endpoint)
    for number in range(3):
        calling = begin(client.method)
        with zerorpc.Server({"method": lambda number=number: number}) as server:
            server.bind(endpoint)
            running = begin(server.run)
            assert outcome(calling) == number
        outcome(running)
        wait_until(lambda: not client.is_connected, "the connection is gone")


def test_twenty_broken_connections_leave_nothing(client: zerorpc.Client) -> None:
    with RawServer() as raw:
        endpoint = raw.endpoint
        client.connect(endpoint)
        for _ in range(20):
            calling = begin(client.method)
            raw.take()
            raw.socket.unbind(endpoint)
            raw.socket.close(linger=0)
            with pytest.raises(zerorpc.LostRemote):
                outcome(calling)
            raw.socket = raw.context.socket(zerorpc.zmq.ROUTER)
            raw.socket.bind(endpoint)
    (counters,) = client.statistics().values()
    assert counters["open_channels"] == 0
    assert counters["queued_messages"] == 0


# -- a client goes away --------------------------------------------------------------------------


def call_and_leave(endpoint: str, method: str) -> None:
    """Call and hang up, in one go: no other greenlet runs meanwhile."""
    event = msgpack.packb([{"message_id": RawPeer.fresh_id(), "v": 3}, method, []])
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    ready = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    message = b"\x01\x00" + b"\x00" + bytes([len(event)]) + event
    port = int(endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as visitor:
        visitor.sendall(greeting + ready)
        heard = b""
        while b"READY" not in heard:
            heard += visitor.recv(1000)
        visitor.sendall(message)
        visitor.shutdown(socket.SHUT_WR)
        while visitor.recv(1000):
            pass


class Service:
    """A call and streams that end only when their caller does."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.endings: list[str] = []

    def waits(self) -> Any:
        return self.gate.enter()

    @zerorpc.stream
    def ticks(self) -> Iterator[int]:
        yield from self._ended(lambda: gevent.sleep(0.01))

    @zerorpc.stream
    def floods(self) -> Iterator[int]:
        yield from self._ended(lambda: None)

    def _ended(self, pause: Any) -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
                pause()
        finally:
            self.endings.append("finally")


@pytest.mark.parametrize("method", ["ticks", "floods"])
def test_a_generator_ends_when_its_reader_is_gone(serve: Serve, method: str) -> None:
    """Whether it waits for something else, for credit, or sends all the time."""
    service = Service()
    server = serve(service, heartbeat=FAR_AWAY)
    with RawPeer(server.endpoints[0]) as raw:
        channel = raw.send(method, [])
        raw.send("_zpc_more", [1000], response_to=channel)
        assert raw.receive_answer(channel) == ("STREAM", 0)
    wait_until(lambda: service.endings == ["finally"], "its `finally` has run")
    wait_until(lambda: server.statistics()["open_channels"] == 0, "the channel is closed")


def test_a_handler_that_waits_ends_when_its_caller_is_gone(serve: Serve, dial: Dial) -> None:
    service = Service()
    server = serve(service, heartbeat=FAR_AWAY)
    bystander = begin(dial(server).waits)
    service.gate.await_entered()
    with RawPeer(server.endpoints[0]) as raw:
        raw.send("waits", [])
        service.gate.await_entered(2)
    wait_until(lambda: service.gate.ended == ["LostRemote"], "the handler is ended")
    assert not bystander.ready()
    service.gate.open()
    assert outcome(bystander) == "passed"
    assert server.statistics()["open_channels"] == 0


def test_calls_of_a_client_that_is_gone_are_not_begun(serve: Serve, dial: Dial) -> None:
    service = Service()
    server = serve(service, heartbeat=FAR_AWAY, pool_size=1)
    first = begin(dial(server).waits)
    service.gate.await_entered()
    with RawPeer(server.endpoints[0]) as raw:
        for _ in range(5):
            raw.send("waits", [])
        wait_until(lambda: server.statistics()["waiting"] == 5, "its calls wait for their turn")
    wait_until(lambda: server.statistics()["open_channels"] == 1, "its calls are forgotten")
    service.gate.open()
    assert outcome(first) == "passed"
    wait_until(lambda: server.statistics()["waiting"] == 0, "none waits")
    assert service.gate.entered == 1


@pytest.mark.parametrize("is_read_late", [False, True])
def test_calls_of_a_client_that_was_gone_before_they_were_read_end(
    keep: Keep, monkeypatch: pytest.MonkeyPatch, is_read_late: bool
) -> None:
    """Without heartbeats, which would tell, and also after the last time that it was looked for."""
    monkeypatch.setattr("zerorpc.transport.prober._AFTER_S", (0.001,) * 4)
    service = Service()
    server = keep(zerorpc.Server(service, heartbeat=None))
    call_and_leave(server.bind(ANY_PORT)[0], "waits")
    monitor: Any = server._driver._monitor
    monitor.read_now()
    if is_read_late:
        prober: Any = server._driver._prober
        wait_until(lambda: prober._done == 3, "it was looked for in vain")
    running = begin(server.run)
    wait_until(lambda: service.gate.ended == ["LostRemote"], "the handler is ended")
    server.close()
    outcome(running)
