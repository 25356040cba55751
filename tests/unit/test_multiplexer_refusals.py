"""What a socket does not take: calls beyond its limits, events that cannot be decoded, noise."""

from __future__ import annotations

import random
import struct
from typing import Any

import msgpack
import pytest

from tests.data import PEERS, load
from tests.unit.multiplexers import (
    accept,
    blob,
    call,
    client,
    feed,
    headers,
    on,
    request,
    said,
    server,
)
from zerorpc.beats import overdue
from zerorpc.errors import LostRemote
from zerorpc.limits import Limits
from zerorpc.multiplexer import Multiplexer, statistics
from zerorpc.wire import Codec, CustomType

BOMB = b"\x90" * 1000

# -- draining --------------------------------------------------------------------------------------


def test_who_has_pinged_is_told_that_the_server_drains_where_it_pinged_last() -> None:
    serving = server()
    for number in range(100):
        pinged = accept(serving, request(b"%d" % number, "_zerorpc_ping"), peer=b"hub").channel
        serving.send(pinged, "OK", ["pong"])
    accept(serving, request(b"call"), peer=b"client")
    serving.admission.is_draining = True
    (message,) = serving.farewell()
    header, name, _ = msgpack.unpackb(message[-1])
    assert message[0] == b"hub"
    assert (header["response_to"], header["draining"], name) == (b"99", True, "_zpc_hb")


def test_of_many_that_have_pinged_the_last_are_told() -> None:
    serving = server()
    for number in range(1000):
        accept(serving, request(b"id", "_zerorpc_ping"), peer=b"%d" % number)
    assert {int(message[0]) for message in serving.farewell()} == set(range(936, 1000))


# -- limits ----------------------------------------------------------------------------------------


def test_no_more_calls_are_open_than_the_socket_allows() -> None:
    serving = server(limits=Limits(channels=2))
    first = accept(serving, request(b"1"), peer=b"A").channel
    accept(serving, request(b"2"), peer=b"B")
    step = feed(serving, request(b"3"), peer=b"C")
    assert step.opened == []
    ((identity, name, args),) = said(step.send)
    assert (identity, name, args[0]) == (b"C", "ERR", "Overloaded")
    assert headers(step.send)[0]["response_to"] == b"3"
    assert statistics(serving)["refused"] == {"Overloaded": 1}
    serving.send(first, "OK", [1])
    accept(serving, request(b"3"), peer=b"C")


def test_no_more_calls_are_open_than_one_peer_may_have() -> None:
    serving = server(limits=Limits(channels_per_peer=2))
    first = accept(serving, request(b"1"), peer=b"A").channel
    accept(serving, request(b"2"), peer=b"A")
    assert feed(serving, request(b"3"), peer=b"A").opened == []
    accept(serving, request(b"3"), peer=b"B")
    serving.fail(first, LostRemote("gone"))
    accept(serving, request(b"3"), peer=b"A")


def test_an_old_peer_is_refused_in_its_own_words() -> None:
    serving = server(limits=Limits(channels=0))
    for version, number in ((1, 1), (2, 3), (3, 3)):
        (message,) = feed(serving, request(b"id", v=version)).send
        assert len(said([message])[0][2]) == number


def test_a_draining_server_says_so_in_everything_and_starts_nothing() -> None:
    serving = server(interval=1.0)
    channel = accept(serving, request(b"open")).channel
    feed(serving, on(channel, "_zpc_more", [10]))
    serving.admission.is_draining = True
    step = feed(serving, request(b"late"))
    assert step.opened == []
    assert said(step.send)[0][1:] == (
        "ERR",
        ["Draining", "the server is about to stop; the call was not started", None],
    )
    messages = [
        *step.send,
        *serving.on_deadline(1.0).send,
        *overdue(serving, 5.0, 0.1),
        serving.send(channel, "STREAM", 1),
        serving.send(channel, "OK", [1]),
    ]
    assert [name for _, name, _ in said(messages)] == ["ERR", "_zpc_hb", "_zpc_hb", "STREAM", "OK"]
    assert all(header["draining"] is True for header in headers(messages))


@pytest.mark.parametrize("is_over", [False, True])
def test_a_client_sees_that_a_server_drains_by_whatever_it_says(is_over: bool) -> None:
    calling, serving = client(), server()
    channel, message = calling.open("method", [], now=0.0)
    served = accept(serving, message[-1]).channel
    plain = serving.send(served, "STREAM", 1)
    serving.admission.is_draining = True
    marked = serving.beat(served)
    if is_over:
        calling.close(channel)
    for frames, says_so in ((plain, False), (marked, True), (marked, True)):
        step = calling.receive([[b"", frames[-1]]], 0.0)
        assert step.is_peer_draining is says_so


# -- events that cannot be decoded -----------------------------------------------------------------


def undecodable(header: dict[str, Any], kind: str) -> bytes:
    """Return an event whose header can be read and whose args cannot."""
    head = blob(header, "echo", [])[:-1]
    if kind == "too_large":
        return head + b"\xc6" + struct.pack(">I", 2000) + b"x" * 2000
    if kind == "too_many_containers":
        return head + b"\xdc\x03\xe8" + BOMB
    return head + {"text": b"\xa2\xc3\x28", "cut": b"\x92", "deep": b"\x91" * 1500}[kind]


KINDS = ["too_large", "too_many_containers", "text", "cut", "deep"]
TIGHT = Limits(event_bytes=1900, containers=900)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_sent_a_request_that_cannot_be_decoded_is_told(kind: str) -> None:
    serving = server(limits=TIGHT)
    step = feed(serving, undecodable({"message_id": b"id", "v": 3}, kind))
    ((identity, name, args),) = said(step.send)
    assert (identity, name, args[0]) == (b"peer", "ERR", "RemoteProtocolError")
    assert headers(step.send)[0]["response_to"] == b"id"
    assert (step.opened, len(serving.channels), sum(serving.dropped.values())) == ([], 0, 1)


@pytest.mark.parametrize("version", [None, 1, 2, 3, "?"])
def test_an_old_peer_is_told_in_its_own_words(version: Any) -> None:
    serving = server(limits=TIGHT)
    header = {"message_id": b"id"} if version is None else {"message_id": b"id", "v": version}
    (message,) = feed(serving, undecodable(header, "too_large")).send
    assert len(said([message])[0][2]) == (1 if version in (None, 1) else 3)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_waits_for_an_answer_that_cannot_be_decoded_is_told(kind: str) -> None:
    calling = client(limits=TIGHT)
    channel = call(calling, timeout=None)
    feed(calling, on(channel, "STREAM", "first"))
    broken = undecodable({"message_id": b"x", "v": 3, "response_to": channel.id}, kind)
    step = feed(calling, broken)
    assert step.woken == [channel]
    assert said(step.send) == [(b"", "_zpc_close", [])]
    first, error = channel.take(), channel.take()
    assert first is not None
    assert first.args == "first"
    assert error is not None
    assert (error.name, error.args[0]) == ("ERR", "RemoteProtocolError")
    assert channel.take() is None
    assert not calling.channels


def test_a_custom_type_that_cannot_be_read_ends_the_call_it_belongs_to() -> None:
    codec = Codec([CustomType(complex, 1, lambda _value: b"", lambda data: complex(data.decode()))])
    calling = client(codec=codec)
    channel = call(calling)
    assert feed(calling, on(channel, "OK", [])).woken == [channel]
    channel = call(calling)
    broken = blob({"message_id": b"x", "v": 3, "response_to": channel.id}, "OK", [])[:-1]
    assert feed(calling, broken + b"\x91\xd4\x01?").woken == [channel]
    event = channel.take()
    assert event is not None
    assert event.name == "ERR"


def test_a_broken_event_in_the_name_of_an_open_call_does_it_no_harm() -> None:
    serving = server(limits=TIGHT)
    channel = accept(serving, request(b"id")).channel
    for kind in KINDS:
        assert feed(serving, undecodable({"message_id": b"id", "v": 3}, kind)).send == []
        on_it = {"message_id": b"x", "v": 3, "response_to": b"id"}
        assert feed(serving, undecodable(on_it, kind)).send == []
    assert list(serving.channels.values()) == [channel]
    assert said([serving.send(channel, "OK", [1])])


def test_broken_events_for_nobody_are_only_counted() -> None:
    calling = client(limits=TIGHT)
    step = feed(
        calling,
        undecodable({"message_id": b"id", "v": 3}, "text"),
        undecodable({"message_id": b"id", "v": 3, "response_to": b"gone"}, "text"),
        undecodable({"message_id": b"id", "v": 3, "response_to": []}, "text"),
        b"\xc1",
    )
    assert (step.woken, step.send) == ([], [])
    assert calling.dropped == {"malformed": 4}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("make", [client, server])
def test_nothing_that_arrives_raises(make: Any, peer: str) -> None:
    multiplexer: Multiplexer = make()
    for captured in load(peer):
        whole = captured.payload[:50_000]
        for piece in (whole, whole[: len(whole) // 2], whole[::-1]):
            multiplexer.receive([[b"x", b"", piece], [b"x", piece], [piece]], 0.0)
    assert multiplexer.received == 9 * len(load(peer))


def test_noise_never_raises() -> None:
    noise = random.Random(5)
    multiplexer = server()
    alphabet = request() + on(accept(multiplexer, request(b"id")).channel, "_zpc_more", [1])
    for _ in range(1500):
        piece = bytes(noise.choices(alphabet, k=noise.randrange(60)))
        start = noise.choice((b"", b"\x93\x80", b"\x93\x81\xaamessage_id\xa1x"))
        multiplexer.receive([[b"x", b"", start + piece]], 0.0)


def test_a_header_value_that_cannot_be_printed_never_raises() -> None:
    deep = b"\x91" * 1015 + b"\xc0"
    for key in (b"\xa1v", b"\xabresponse_to", b"\xaamessage_id", b"\xabdeadline_ms"):
        for multiplexer in (client(), server()):
            head = b"\x93\x82\xa1k\x00" + key + deep
            assert feed(multiplexer, head + b"\xa3add\x90").opened == []
