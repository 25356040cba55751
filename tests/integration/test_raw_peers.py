"""Peers that follow the protocol in unusual ways, and some that do not, on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer, Taken
from tests.integration.running import (
    FAR_AWAY,
    Dial,
    Gate,
    Serve,
    begin,
    open_calls,
    outcome,
    wait_until,
)

ECHO: dict[str, Any] = {"echo": lambda *args: list(args), "count": zerorpc.stream(range)}


@pytest.fixture
def server(serve: Serve) -> zerorpc.Server:
    """One that echoes and counts."""
    return serve(ECHO, heartbeat=FAR_AWAY)


@pytest.fixture
def raw(server: zerorpc.Server) -> Iterator[RawPeer]:
    """A peer of it."""
    with RawPeer(server.endpoints[0]) as peer:
        yield peer


def blob(message_id: Any, name: Any, args: Any, **header: Any) -> bytes:
    packed: bytes = msgpack.packb([{"message_id": message_id, "v": 3, **header}, name, args])
    return packed


@pytest.mark.parametrize("async_", [False, True])
def test_an_answer_that_means_nothing_ends_its_call(dial: Dial, async_: bool) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=FAR_AWAY)
        calling = begin(lambda: client.method(async_=True).get() if async_ else client.method())
        raw.answer(raw.take(), "WHAT", [])
        # Stock's kind of error, and one of ours.
        with pytest.raises(RuntimeError, match="'WHAT'") as caught:
            outcome(calling)
        assert isinstance(caught.value, zerorpc.RemoteProtocolError)
        assert open_calls(client) == 0


# -- frames --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([b""], [b""]),
        ([], [b""]),
        ([b"r1", b""], [b"r1", b""]),
        ([b"r1", b"r2", b""], [b"r1", b"r2", b""]),
        ([b"r1", b"r2"], [b"r1", b""]),
        ([b"not empty"], [b""]),
    ],
    ids=repr,
)
def test_envelopes_come_back(raw: RawPeer, before: list[bytes], expected: list[bytes]) -> None:
    raw.socket.send_multipart([*before, blob(b"id", "echo", [1])])
    *envelope, answer = raw.receive_frames()
    assert envelope == expected
    assert msgpack.unpackb(answer)[1:] == ["OK", [[1]]]


@pytest.mark.parametrize(
    ("kind", "version", "heartbeat"),
    [(zerorpc.zmq.REQ, 3, FAR_AWAY), (zerorpc.zmq.REQ, 3, None), (zerorpc.zmq.DEALER, 1, None)],
)
def test_who_expects_no_heartbeat_gets_none_when_another_client_is_lost(
    serve: Serve, kind: int, version: int, heartbeat: float | None
) -> None:
    """A REQ socket would take it for the answer; version 1 knows none unless it sends some."""
    gate = Gate()
    server = serve({"waits": gate.enter}, heartbeat=heartbeat)
    with RawPeer(server.endpoints[0], kind) as peer:
        request = blob(peer.fresh_id(), "waits", [], v=version)
        peer.socket.send_multipart([request] if kind == zerorpc.zmq.REQ else [b"", request])
        gate.await_entered()
        with RawPeer(server.endpoints[0]) as other:
            other.send("waits", [])
            gate.await_entered(2)
        wait_until(lambda: gate.ended == ["LostRemote"], "the loss of the other is noticed")
        gate.open()
        assert peer.receive()[1:] == ("OK", ["passed"])


def test_a_server_that_has_met_very_many_peers_meets_them_anew(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zerorpc.transport.router._MET_AT_MOST", 2)
    server = serve(ECHO)
    pump: Any = server._driver.pump
    for _ in range(5):
        with RawPeer(server.endpoints[0], zerorpc.zmq.REQ) as req:
            req.socket.send(blob(req.fresh_id(), "echo", []))
            assert req.receive()[1] == "OK"
            assert 1 <= len(pump.strict) <= 2


def test_a_req_socket_is_served(server: zerorpc.Server) -> None:
    with RawPeer(server.endpoints[0], zerorpc.zmq.REQ) as req:
        req.socket.send(blob(b"id", "echo", [1]))
        assert msgpack.unpackb(req.socket.recv())[1:] == ["OK", [[1]]]


# -- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("id_", [b"bytes", "text", 7, -1, 2**63, b"", "", b"x" * 100])
def test_ids_come_back_with_their_type(raw: RawPeer, id_: Any) -> None:
    raw.send("echo", [1], message_id=id_)
    header, name, _ = raw.receive()
    assert (name, header["response_to"], type(header["response_to"])) == ("OK", id_, type(id_))
    assert isinstance(header["message_id"], bytes)


@pytest.mark.parametrize("id_", [None, 1.5, True, [1], {"a": 1}])
def test_what_is_no_id_gets_no_answer(raw: RawPeer, server: zerorpc.Server, id_: Any) -> None:
    raw.send_blob(blob(id_, "echo", ["bad"]))
    assert raw.call("echo", "good") == ("OK", [["good"]])
    assert server.statistics()["dropped"] == {"bad_id": 1}


def test_two_clients_may_use_the_same_id(serve: Serve) -> None:
    gate = Gate()
    server = serve({"slow": lambda value: [gate.enter(), value]})
    with RawPeer(server.endpoints[0]) as one, RawPeer(server.endpoints[0]) as two:
        one.send("slow", [1], message_id=b"same")
        two.send("slow", [2], message_id=b"same")
        gate.await_entered(2)
        gate.open()
        assert one.receive_answer(b"same") == ("OK", [["passed", 1]])
        assert two.receive_answer(b"same") == ("OK", [["passed", 2]])


def test_nobody_speaks_on_the_channel_of_another(server: zerorpc.Server) -> None:
    with RawPeer(server.endpoints[0]) as one, RawPeer(server.endpoints[0]) as two:
        one.send("count", [10], message_id=b"mine")
        assert one.receive_answer(b"mine") == ("STREAM", 0)
        two.send("_zpc_more", [5], response_to=b"mine")
        two.send("_zpc_close", [], response_to=b"mine")
        assert two.call("echo", "after") == ("OK", [["after"]])
        assert server.statistics()["open_channels"] == 1
        one.send("_zpc_more", [20], response_to=b"mine")
        items = [one.receive_answer(b"mine") for _ in range(10)]
        assert items == [*[("STREAM", n) for n in range(1, 10)], ("STREAM_DONE", None)]


def test_an_id_in_use_opens_nothing_else(raw: RawPeer, server: zerorpc.Server) -> None:
    raw.send("count", [3], message_id=b"once")
    assert raw.receive_answer(b"once") == ("STREAM", 0)
    raw.send("echo", ["twice"], message_id=b"once")
    assert raw.call("echo", "after") == ("OK", [["after"]])
    assert server.statistics()["dropped"] == {"duplicate_id": 1}


# -- args and names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "received"), [([1, 2], [1, 2]), ("abc", ["a", "b", "c"]), ({"k": 1}, ["k"]), ([], [])]
)
def test_whatever_can_be_iterated_is_the_arguments(
    raw: RawPeer, args: Any, received: list[Any]
) -> None:
    assert raw.receive_answer(raw.send("echo", args)) == ("OK", [received])


@pytest.mark.parametrize("args", [None, 7, True])
def test_what_cannot_is_a_type_error(raw: RawPeer, args: Any) -> None:
    name, told = raw.receive_answer(raw.send("echo", args))
    assert (name, told[0]) == ("ERR", "TypeError")


def test_a_name_in_bytes_is_understood_and_one_that_is_no_text_dropped(
    raw: RawPeer, server: zerorpc.Server
) -> None:
    raw.send_blob(blob(b"a", b"echo", [1]))
    assert raw.receive_answer(b"a") == ("OK", [[1]])
    raw.send_blob(blob(b"b", 7, [1]))
    raw.send_blob(blob(b"c", b"\xff", [1]))
    assert raw.call("echo") == ("OK", [[]])
    assert sum(server.statistics()["dropped"].values()) == 2


@pytest.mark.parametrize("version", [1, 2, 3, 99])
def test_an_error_is_told_as_the_peers_version_reads_it(raw: RawPeer, version: int) -> None:
    name, told = raw.receive_answer(raw.send("unknown", [], v=version))
    assert name == "ERR"
    if version == 1:
        assert told == ["NameError('unknown')"]
    else:
        assert told[:2] == ["NameError", "unknown"]


# -- credit --------------------------------------------------------------------------------------


def test_a_promise_right_behind_the_request_counts(raw: RawPeer) -> None:
    channel = raw.send("count", [50])
    raw.send("_zpc_more", [100], response_to=channel)
    items = [raw.receive_answer(channel) for _ in range(51)]
    assert items == [*[("STREAM", number) for number in range(50)], ("STREAM_DONE", None)]


def test_without_a_promise_one_answer_comes_and_no_more(raw: RawPeer) -> None:
    channel = raw.send("count", [50])
    assert raw.receive_answer(channel) == ("STREAM", 0)
    assert raw.call("echo", "next") == ("OK", [["next"]])
    raw.send("_zpc_more", [2], response_to=channel)
    assert [raw.receive_answer(channel) for _ in range(2)] == [("STREAM", 1), ("STREAM", 2)]
    assert raw.call("echo", "next") == ("OK", [["next"]])


@pytest.mark.parametrize("args", [None, [], ["5"], [5, 5], 5, [-5], [1.5], [None]])
def test_a_promise_that_is_none_is_dropped(raw: RawPeer, server: zerorpc.Server, args: Any) -> None:
    channel = raw.send("count", [50])
    assert raw.receive_answer(channel) == ("STREAM", 0)
    raw.send("_zpc_more", args, response_to=channel)
    assert raw.call("echo", "next") == ("OK", [["next"]])
    assert sum(server.statistics()["dropped"].values()) == 1
    raw.send("_zpc_more", [1], response_to=channel)
    assert raw.receive_answer(channel) == ("STREAM", 1)


def test_events_without_end_on_an_open_channel_harm_nobody(
    raw: RawPeer, server: zerorpc.Server, dial: Dial
) -> None:
    channel = raw.send("count", [50])
    assert raw.receive_answer(channel) == ("STREAM", 0)
    for number in range(2000):
        raw.send("STREAM", number, response_to=channel)
        raw.send("UNKNOWN", [number], response_to=channel)
    assert raw.call("echo", "still there") == ("OK", [["still there"]])
    assert dial(server).echo("too") == ["too"]
    raw.send("_zpc_more", [1], response_to=channel)
    assert raw.receive_answer(channel) == ("STREAM", 1)
    assert sum(server.statistics()["dropped"].values()) == 4000


# -- servers that break the rules ----------------------------------------------------------------


def test_a_server_that_sends_more_than_it_was_promised_loses_the_call(dial: Dial) -> None:
    with RawServer() as flooding:
        client = dial(flooding.endpoint, heartbeat=FAR_AWAY)
        calling = begin(client.method, slots=100)
        request = flooding.take()
        flooding.answer(request, "STREAM", 0)
        stream = outcome(calling)
        for number in range(1, 500):
            flooding.answer(request, "STREAM", number)
        wait_until(lambda: open_calls(client) == 0, "it is given up, though nobody reads")
        with pytest.raises(zerorpc.LostRemote, match="beyond its window"):
            list(stream)
        assert (
            take_event(flooding, "_zpc_close").header["response_to"]
            == (request.header["message_id"])
        )
        # The next call is answered as if nothing had been.
        calling = begin(client.method)
        flooding.answer(flooding.take(), "OK", ["fine"])
        assert outcome(calling) == "fine"


def take_event(raw: RawServer, name: str) -> Taken:
    while True:
        taken = raw.take()
        if taken.name == name:
            return taken


def test_frames_too_few_or_too_many_cost_the_server_nothing_but_them(dial: Dial) -> None:
    with RawServer() as untidy:
        client = dial(untidy.endpoint, heartbeat=FAR_AWAY)
        for number in range(3):  # the first message is read in another way than those that follow
            calling = begin(client.method)
            request = untidy.take()
            untidy.socket.send_multipart([request.identity, b""])
            untidy.socket.send_multipart([request.identity, b"", b"no event", b"one more"])
            untidy.answer(request, "OK", [number])
            assert outcome(calling) == number
        statistics = client.statistics()[untidy.endpoint]
        assert sum(statistics["dropped"].values()) >= 6


@pytest.mark.parametrize("args", [None, 7, {}])
def test_an_ok_without_a_value_is_an_error(dial: Dial, args: Any) -> None:
    with RawServer() as strange:
        calling = begin(dial(strange.endpoint).method)
        strange.answer(strange.take(), "OK", args)
        with pytest.raises(zerorpc.RemoteError, match="OK with"):
            outcome(calling)


@pytest.mark.parametrize(
    ("args", "name", "msg"),
    [
        (["E", "message", "traceback"], "E", "message"),
        (["E", "message", None], "E", "message"),
        ([b"E", b"message", b"traceback"], "E", "message"),
        (["one text"], "RemoteError", "one text"),
        ("a text", "RemoteError", "a text"),
        ([], "RemoteError", ""),
        (None, "RemoteError", ""),
    ],
)
def test_errors_are_read_in_every_form(dial: Dial, args: Any, name: str, msg: str) -> None:
    with RawServer() as old:
        calling = begin(dial(old.endpoint).method)
        old.answer(old.take(), "ERR", args)
        with pytest.raises(zerorpc.RemoteError) as caught:
            outcome(calling)
        assert (caught.value.name, caught.value.msg) == (name, msg)


def test_errors_that_a_hub_made_are_of_their_own_classes(dial: Dial) -> None:
    kinds = {"LostRemote": zerorpc.LostRemote, "TimeoutExpired": zerorpc.TimeoutExpired}
    kinds["Overloaded"] = zerorpc.Overloaded
    with RawServer() as hub:
        client = dial(hub.endpoint)
        for name, kind in kinds.items():
            calling = begin(client.method)
            told = [name, "from the hub", None]
            hub.answer(hub.take(), "ERR", told, hub="a hub", queued=3, limit=2)
            with pytest.raises(kind, match="from the hub") as caught:
                outcome(calling)
            if isinstance(caught.value, zerorpc.Overloaded):
                assert (caught.value.queued, caught.value.limit) == (3, 2)
            calling = begin(client.method)
            hub.answer(hub.take(), "ERR", told)
            with pytest.raises(zerorpc.RemoteError):
                outcome(calling)


def test_answers_for_nobody_are_dropped(dial: Dial) -> None:
    with RawServer() as strange:
        client = dial(strange.endpoint)
        calling = begin(client.method)
        request = strange.take()
        strange.send("OK", [1], response_to=b"nobody", envelope=[request.identity])
        strange.send("OK", [1], envelope=[request.identity])
        strange.send_blob(b"\xc1", [request.identity])
        strange.answer(request, "OK", ["mine"])
        assert outcome(calling) == "mine"
        (counters,) = client.statistics().values()
        wait_until(lambda: sum(counters["dropped"].values()) == 3, "all three are counted")
