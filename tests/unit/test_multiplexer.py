"""Events find their channels, and nothing else: calls, answers, routing, versions, ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.multiplexers import (
    NODE_ID,
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
from zerorpc.channel import State
from zerorpc.errors import ClosedError, LocalProtocolError, LostRemote
from zerorpc.limits import Limits
from zerorpc.multiplexer import opening_event, statistics
from zerorpc.wire import Event, Id

# -- calls that we make ----------------------------------------------------------------------------


def test_a_call_is_one_message_without_envelope() -> None:
    channel, frames = client().open("add", [1, 2], 0.0)
    assert frames == (b"", blob({"message_id": channel.id, "v": 3}, "add", [1, 2]))


def test_a_timeout_travels_as_whole_milliseconds() -> None:
    for timeout, deadline_ms in ((30, 30_000), (0.25, 250), (0.0009, 1)):
        _, frames = client().open("add", [], 0.0, timeout=timeout)
        assert headers([frames])[0]["deadline_ms"] == deadline_ms


@pytest.mark.parametrize(
    ("args", "options", "error"),
    [
        ([object()], {}, TypeError),
        ([1 << 64], {}, OverflowError),
        (["\udc80"], {}, UnicodeEncodeError),
        ([b"x" * 1000], {}, LocalProtocolError),
        ([], {"slots": 0}, ValueError),
        ([], {"slots": -1}, ValueError),
    ],
)
def test_a_call_that_cannot_be_made_leaves_nothing(
    args: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    calling = client(limits=Limits(event_bytes=500))
    with pytest.raises(error):
        calling.open("add", args, 0.0, **options)
    assert not calling.channels
    assert calling.deadline is None


def test_middleware_may_change_the_opening_event() -> None:
    calling = client()
    event = opening_event(b"1" * 32, "add", [1], {"trace_id": "x"}, timeout=2.0)
    assert event.header == {
        "message_id": b"1" * 32,
        "v": 3,
        "deadline_ms": 2000,
        "trace_id": "x",
    }
    event.header["more"], event.args = 1, [5]
    channel, frames = calling.open(event.name, event.args, 0.0, timeout=2.0, event=event)
    assert frames == (b"", blob(event.header, "add", [5]))
    assert channel.id == event.header["message_id"]
    assert feed(calling, on(channel, "OK", [6])).woken == [channel]


def test_a_call_that_was_not_sent_can_move_to_another_socket() -> None:
    first, second = client(), client()
    channel, _ = first.open("add", [], 0.0, timeout=3.0)
    first.move(channel, second)
    assert not first.channels
    assert second.deadline == 3.0
    assert feed(first, on(channel, "OK", [1])).woken == []
    assert feed(second, on(channel, "OK", [1])).woken == [channel]


# -- calls that we serve ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "answered"),
    [
        ([b"A", b""], (b"A", b"")),
        ([b"A"], (b"A", b"")),
        ([b"A", b"r1", b""], (b"A", b"r1", b"")),
        ([b"A", b"r1", b"r2", b""], (b"A", b"r1", b"r2", b"")),
        ([b"A", b"r1", b"r2"], (b"A", b"r1", b"")),
        ([b"A", b"not empty"], (b"A", b"")),
    ],
)
def test_envelopes_of_any_depth_survive(frames: list[Any], answered: tuple[bytes, ...]) -> None:
    serving = server()
    (opened,) = serving.receive([[*frames, request()]], 0.0).opened
    message = serving.send(opened.channel, "OK", [3])
    assert message[:-1] == answered
    assert said([message[-1:]]) == [(message[-1], "OK", [3])]


@pytest.mark.parametrize("channel_id", [b"0123456789abcdef" * 2, b"", NODE_ID, "", 0, 7, 1 << 40])
def test_ids_are_echoed_with_their_type(channel_id: Id) -> None:
    serving = server()
    channel = accept(serving, request(channel_id)).channel
    (header,) = headers([serving.send(channel, "OK", [1])])
    echoed = header["response_to"]
    assert (type(echoed), echoed) == (type(channel_id), channel_id)
    assert header["v"] == 3


def test_a_request_tells_by_when_it_must_be_started() -> None:
    serving = server()
    assert accept(serving, request(b"a", deadline_ms=1500), now=10.0).start_by == 11.5
    assert accept(serving, request(b"b", deadline_ms=0), now=10.0).start_by == 10.0
    not_milliseconds: list[Any] = [None, -1, True, 1.5, "9", []]
    for number, nonsense in enumerate(not_milliseconds):
        opened = accept(serving, request(number, deadline_ms=nonsense), now=10.0)
        assert opened.start_by is None


def test_control_events_right_behind_the_request_count() -> None:
    """B28: all in one batch, before any handler has run."""
    serving = server()
    channel_id = b"0123456789abcdef" * 2
    step = feed(
        serving,
        request(channel_id),
        blob({"message_id": b"2", "v": 3, "response_to": channel_id}, "_zpc_more", [100]),
        blob({"message_id": b"3", "v": 3, "response_to": channel_id}, "_zpc_hb", [0]),
    )
    (opened,) = step.opened
    assert opened.channel.credit == 101
    assert not serving.dropped


def test_a_close_right_behind_the_request_ends_the_call() -> None:
    serving = server()
    channel_id = b"0123456789abcdef" * 2
    close = blob({"message_id": b"2", "v": 3, "response_to": channel_id}, "_zpc_close", [])
    step = feed(serving, request(channel_id), close)
    (opened,) = step.opened
    assert opened.channel.state is State.FAILED
    assert step.woken == [opened.channel]
    assert step.send == []
    assert not serving.channels


def test_the_final_answer_is_the_end_on_both_sides() -> None:
    calling, serving = client(), server()
    channel, frames = calling.open("add", [1], 0.0)
    opened = accept(serving, frames[-1])
    answer = serving.send(opened.channel, "OK", [2])
    assert feed(calling, answer[-1]).woken == [channel]
    assert not calling.channels
    assert not serving.channels
    with pytest.raises(LocalProtocolError):
        serving.send(opened.channel, "OK", [2])


def test_an_answer_that_cannot_be_packed_changes_nothing() -> None:
    serving = server()
    channel = accept(serving, request()).channel
    with pytest.raises(TypeError):
        serving.send(channel, "OK", [object()])
    assert said([serving.send(channel, "ERR", ["TypeError", "x", None])])
    assert not serving.channels


def test_an_answer_carries_what_middleware_added() -> None:
    serving = server()
    channel = accept(serving, request()).channel
    event = serving.reply_event(channel, "OK", [1], {"trace_id": "x"})
    (header,) = headers([serving.send(channel, event.name, event.args, event)])
    assert header["trace_id"] == "x"
    assert header["response_to"] == channel.id


# -- who may speak on a channel --------------------------------------------------------------------


def test_two_peers_may_use_the_same_id() -> None:
    """B27: a channel belongs to the peer that opened it."""
    serving = server()
    first = accept(serving, request(b"same"), peer=b"A").channel
    second = accept(serving, request(b"same"), peer=b"B").channel
    assert serving.send(first, "OK", [1])[0] == b"A"
    assert serving.send(second, "OK", [2])[0] == b"B"


@pytest.mark.parametrize("intruder", [[b"B", b""], [b"A", b"hop", b""], [b"hop", b"A", b""]])
def test_nobody_can_speak_on_the_channel_of_another(intruder: list[bytes]) -> None:
    serving = server()
    channel = accept(serving, request(b"id"), peer=b"A").channel
    for name, args in (("_zpc_more", [100]), ("_zpc_close", []), ("_zpc_hb", [0])):
        serving.receive([[*intruder, on(channel, name, args)]], 3.0)
    assert (channel.credit, channel.state, channel.last_heard) == (1, State.OPEN, 0.0)
    assert serving.dropped == {"late": 3}


def test_ids_of_different_types_are_different_ids() -> None:
    serving = server()
    channels = [accept(serving, request(each)).channel for each in (b"7", "7", 7)]
    assert len(set(map(id, channels))) == 3
    feed(serving, on(channels[1], "_zpc_more", [5]))
    assert [channel.credit for channel in channels] == [1, 5, 1]


def test_a_request_with_the_id_of_an_open_call_is_dropped() -> None:
    serving = server()
    channel = accept(serving, request(b"id")).channel
    step = feed(serving, request(b"id"), request(b"id", "other"))
    assert (step.opened, step.send) == ([], [])
    assert serving.dropped == {"duplicate_id": 2}
    serving.send(channel, "OK", [1])
    assert accept(serving, request(b"id")).channel is not channel


def test_stray_control_events_open_nothing() -> None:
    """B9: neither a heartbeat nor a grant without a channel leaves anything behind."""
    serving = server()
    for number in range(1000):
        step = feed(serving, request(number, "_zpc_hb", [0]), request(number, "_zpc_more", [9]))
        assert (step.opened, step.send) == ([], [])
    assert not serving.channels
    assert serving.dropped == {"stray_control": 2000}


def test_events_beyond_what_a_peer_was_promised_are_dropped() -> None:
    serving = server()
    channel = accept(serving, request()).channel
    feed(serving, *(on(channel, "STREAM", number) for number in range(500)))
    assert serving.dropped == {"unexpected_event": 500}
    assert said([serving.send(channel, "OK", [1])]) == [(b"peer", "OK", [1])]


def test_a_client_opens_nothing_for_its_peers() -> None:
    calling = client()
    step = feed(calling, request(), request(b"x", "_zpc_hb"))
    assert (step.opened, step.woken, step.send) == ([], [], [])
    assert calling.dropped == {"unexpected_request": 2}


def test_what_crosses_the_end_on_the_wire_is_late_and_nothing_to_warn_of() -> None:
    calling = client()
    channel = call(calling)
    feed(calling, on(channel, "OK", [1]), on(channel, "_zpc_hb", [0]), on(channel, "OK", [2]))
    assert calling.dropped == {"late": 2}
    assert calling.dropped_count == 0
    assert statistics(calling) == {
        "events_received": 3,
        "open_channels": 0,
        "dropped": {"late": 2},
        "refused": {},
    }


# -- versions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "name"), [(1, "_zpc_hb"), (2, "_zpc_hb"), (3, "_zpc_more")])
def test_a_server_of_an_old_version_gets_its_grants_as_heartbeats(version: int, name: str) -> None:
    calling = client()
    channel = call(calling, slots=10)
    feed(calling, on(channel, "STREAM", 1, v=version))
    channel.take()
    grant = calling.grant(channel)
    assert grant is not None
    assert said([grant]) == [(b"", name, [10])]


def test_a_header_without_a_version_means_version_1() -> None:
    serving, calling = server(), client()
    accepted = accept(serving, blob({"message_id": b"id"}, "add", [])).channel
    assert (accepted.version, accepted.is_passive) == (1, True)
    channel = call(calling)
    feed(calling, blob({"message_id": b"x", "response_to": channel.id}, "_zpc_hb", [0]))
    assert channel.version == 1


def test_the_request_alone_tells_the_version_of_a_client() -> None:
    serving = server()
    channel = accept(serving, request()).channel
    feed(serving, on(channel, "_zpc_hb", [50], v=1))
    assert (channel.version, channel.credit) == (3, 1)
    feed(serving, on(channel, "_zpc_more", [50], v="?"))
    assert channel.credit == 1
    assert serving.dropped == {"bad_version": 1}


@pytest.mark.parametrize(
    ("message_id", "is_setting"), [(b"bytes", False), (NODE_ID, True), (5, False)]
)
def test_text_ids_tell_of_another_dialect(message_id: Id, is_setting: bool) -> None:
    serving, calling = server(), client()
    assert accept(serving, request(message_id)).channel.is_setting is is_setting
    channel = call(calling)
    feed(calling, on(channel, "STREAM", 1, message_id=message_id))
    assert channel.is_setting is is_setting


# -- ends ------------------------------------------------------------------------------------------


def test_closing_tells_the_server_that_has_the_request() -> None:
    calling = client()
    channel = call(calling)
    message = calling.close(channel)
    assert message is not None
    assert said([message]) == [(b"", "_zpc_close", [])]
    assert headers([message])[0]["response_to"] == channel.id
    with pytest.raises(ClosedError):
        channel.take()
    assert calling.close(channel) is None
    unsent, _ = calling.open("add", [], 0.0)
    assert calling.close(unsent) is None
    assert not calling.channels


def test_a_server_that_overran_its_window_is_told_to_stop() -> None:
    calling = client()
    channel = call(calling)
    step = feed(calling, on(channel, "STREAM", 1), on(channel, "STREAM", 2))
    assert said(step.send) == [(b"", "_zpc_close", [])]
    assert step.woken == [channel, channel]
    assert not calling.channels
    assert channel.take() == Event(
        {"message_id": b"next", "v": 3, "response_to": channel.id}, "STREAM", 1
    )
    with pytest.raises(LostRemote, match="beyond its window"):
        channel.take()


def test_the_last_word_costs_no_credit() -> None:
    serving = server()
    channel = accept(serving, request()).channel
    serving.send(channel, "STREAM", 1)
    assert channel.credit == 0
    message = serving.last_word(channel, "ClosedError", "the server stopped")
    assert said([message]) == [(b"peer", "ERR", ["ClosedError", "the server stopped", None])]
    assert not serving.channels
    with pytest.raises(LostRemote):
        serving.send(channel, "STREAM", 2)
