"""Bugs of stock servers that ours must not have; the numbers are those of tests/test_bugs.py."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
import zmq

import zerorpc
from tests.integration.faults.outcome import VALUE, Calls, kinds
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Keep,
    Serve,
    begin,
    wait_until,
)


class Service:
    """Streams, and methods that end in unusual ways."""

    def __init__(self) -> None:
        self.finished = 0

    def add(self, a: int, b: int) -> int:
        return a + b

    def slow(self, seconds: float) -> str:
        gevent.sleep(seconds)
        return "slow"

    def leave(self, kind: str) -> None:
        raise {"exit": SystemExit, "key": KeyboardInterrupt, "kill": gevent.GreenletExit}[kind]

    @zerorpc.stream
    def count(self, n: int) -> Iterator[int]:
        try:
            yield from range(n)
        finally:
            self.finished += 1


def endpoint_of(server: zerorpc.Server) -> str:
    return server.endpoints[0]


def read_stream(peer: RawPeer, channel: Any, grant: list[int], bursts: int) -> list[int]:
    """Read a stream as node does: grants in bursts after each item, and some after the end."""
    items: list[int] = []
    while True:
        name, item = peer.receive_answer(channel)
        for _ in range(bursts):
            peer.send("_zpc_more", grant, response_to=channel)
        if name != "STREAM":
            assert name == "STREAM_DONE"
            return items
        items.append(item)


def test_b1_grants_in_bursts_and_after_the_end_freeze_nobody(serve: Serve) -> None:
    server = serve(Service())
    with RawPeer(endpoint_of(server)) as node, RawPeer(endpoint_of(server)) as other:
        for number in range(10):
            request = f"text-id-{number}"  # node's ids are text
            node.send("count", [250], message_id=request)
            assert read_stream(node, request, [100], bursts=10) == list(range(250))
        assert node.call("add", 1, 2) == ("OK", [3])
        assert other.call("add", 1, 2) == ("OK", [3])
    assert server.statistics()["open_channels"] == 0


def test_b2_extra_events_on_an_open_channel_freeze_nobody(serve: Serve) -> None:
    server = serve(Service())
    with RawPeer(endpoint_of(server)) as flooding, RawPeer(endpoint_of(server)) as other:
        channel = flooding.send("slow", [FAR_AWAY])
        for number in range(1000):
            flooding.send("STREAM", number, response_to=channel)
        assert flooding.call("add", 1, 2) == ("OK", [3])
        assert other.call("add", 1, 2) == ("OK", [3])
    assert server.statistics()["dropped"]["unexpected_event"] == 1000


def test_b3_calls_that_wait_for_the_pool_keep_their_heartbeats(serve: Serve, dial: Dial) -> None:
    interval = 0.3
    client = dial(serve(Service(), pool_size=1, heartbeat=interval), heartbeat=interval)
    calls = Calls([functools.partial(client.slow, 1.2 * interval)] * 6)
    assert kinds(calls.outcomes(PATIENCE)) == {VALUE: 6}


def test_b9_stray_control_events_open_nothing(serve: Serve) -> None:
    server = serve(Service())
    with RawPeer(endpoint_of(server)) as raw:
        for name in ("_zpc_hb", "_zpc_more", "_zpc_close") * 1000:
            raw.send(name, [0])
        assert raw.call("add", 1, 2) == ("OK", [3])
    statistics = server.statistics()
    assert statistics["open_channels"] == 0
    assert statistics["dropped"]["stray_control"] == 3000


@pytest.mark.parametrize("kind", ["Puller", "Subscriber"])
def test_b10_a_malformed_message_does_not_end_a_receiver(keep: Keep, kind: str) -> None:
    taken: list[int] = []
    receiver = keep(getattr(zerorpc, kind)({"take": taken.append}))
    running = begin(receiver.run)
    sending = zmq.PUSH if kind == "Puller" else zmq.PUB
    with RawPeer(kind=sending) as raw:
        receiver.connect(raw.bind())

        def is_taken() -> bool:
            for blob in (
                b"\xc1",
                b"",
                b"\x93\x80",
                b"\x93\x80\xa4nope\x90",
                b"\x93\x80\xa4take\x00",
            ):
                raw.socket.send(blob)
            raw.socket.send(b"\x93\x80\xa4take\x91\x07")
            return bool(taken)

        wait_until(is_taken, "a good message is taken among bad ones")
    assert not running.ready()
    receiver.stop()
    running.get(timeout=PATIENCE)
    assert set(taken) == {7}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("exit", "SystemExit"), ("key", "KeyboardInterrupt"), ("kill", "GreenletExit")],
)
def test_b11_a_handler_that_leaves_ends_its_call_only(
    serve: Serve, dial: Dial, kind: str, name: str
) -> None:
    client = dial(serve(Service()))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.leave(kind)
    assert caught.value.name == name
    assert client.add(1, 2) == 3


def test_b15_nothing_is_sent_without_credit(serve: Serve) -> None:
    service = Service()
    server = serve(service, heartbeat=0.2)
    with RawPeer(endpoint_of(server)) as raw:
        channel = raw.send("count", [100])
        assert raw.receive_answer(channel) == ("STREAM", 0)
        # No second item comes for want of credit; the next word is that the server gave up.
        name, args = raw.receive_answer(channel)
        assert (name, args[0]) == ("ERR", "LostRemote")
    assert service.finished == 1


def test_b19_map_keys_of_any_type_travel_both_ways(serve: Serve, dial: Dial) -> None:
    value = {1: "int", "one": {b"bytes": -2, 2.5: None}}
    client = dial(serve({"echo": lambda given: given, "keys": lambda: value}))
    assert client.echo(value) == value
    assert client.keys() == value


def test_b20_values_beyond_100_mib_travel(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"zeros": bytes, "measure": len}))
    size = 101 << 20
    assert len(client.zeros(size)) == size
    assert client.measure(bytes(size)) == size


def test_b27_a_channel_belongs_to_the_peer_that_opened_it(serve: Serve) -> None:
    service = Service()
    server = serve(service)
    with RawPeer(endpoint_of(server)) as one, RawPeer(endpoint_of(server)) as two:
        shared = b"the same id for two channels...."
        one.send("count", [3], message_id=shared)
        assert one.receive_answer(shared) == ("STREAM", 0)
        two.send("_zpc_more", [100], response_to=shared)
        two.send("_zpc_close", [], response_to=shared)
        two.send("add", [1, 2], message_id=shared)
        assert two.receive_answer(shared) == ("OK", [3])
        assert service.finished == 0  # neither the grant nor the close reached the other's stream
        one.send("_zpc_more", [100], response_to=shared)
        assert [one.receive_answer(shared) for _ in range(3)] == [
            ("STREAM", 1),
            ("STREAM", 2),
            ("STREAM_DONE", None),
        ]


def test_b28_control_events_right_behind_the_request_count(serve: Serve) -> None:
    server = serve(Service())
    with RawPeer(endpoint_of(server)) as raw:
        for _ in range(50):
            channel = raw.send("count", [20])
            raw.send("_zpc_more", [100], response_to=channel)
            answers = [raw.receive_answer(channel) for _ in range(21)]
            assert answers[:20] == [("STREAM", number) for number in range(20)]


def test_b29_a_dict_of_methods_is_left_alone(serve: Serve, dial: Dial) -> None:
    methods = {"add": lambda a, b: a + b, "_hidden": lambda: "still callable"}
    before = dict(methods)
    client = dial(serve(methods))
    assert client.add(1, 2) == 3
    assert client._hidden() == "still callable"
    assert methods == before


def test_b31_a_server_that_gives_up_says_so(serve: Serve, dial: Dial) -> None:
    server = serve(Service(), heartbeat=0.2)
    client = dial(server, heartbeat=None)
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.slow(FAR_AWAY, timeout=PATIENCE)
    assert caught.value.name == "LostRemote"
    assert server.statistics()["running"] == 0


def test_b34_remote_mistakes_are_neither_logged_as_errors_nor_tell_paths(
    serve: Serve, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    client = dial(serve(Service()))
    with caplog.at_level(logging.INFO):
        for number in range(100):
            with pytest.raises(zerorpc.RemoteError) as caught:
                client(f"unknown_{number}")
            assert caught.value.name == "NameError"
            assert sys.prefix not in (caught.value.traceback or "")
            assert 'File "' not in (caught.value.traceback or "")
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(caplog.records) < 20
    assert not [record for record in caplog.records if record.exc_info]


def test_b30_ipv6_works(keep: Keep, dial: Dial) -> None:
    server = keep(zerorpc.Server(Service()))
    (endpoint,) = server.bind("tcp://[::1]:*")
    running = begin(server.run)
    assert dial(endpoint).add(1, 2) == 3
    server.bind(ANY_PORT)  # both families on one socket
    assert dial(server.endpoints[1]).add(1, 2) == 3
    server.stop(0)
    running.get(timeout=PATIENCE)
