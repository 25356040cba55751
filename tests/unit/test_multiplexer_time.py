"""What is due when: heartbeats, timeouts, lost peers, and how often anyone looks."""

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
from zerorpc.beats import overdue, probes, unseen_calls
from zerorpc.channel import State
from zerorpc.errors import LostRemote, TimeoutExpired


def test_the_deadline_is_that_of_the_first_to_be_due() -> None:
    calling = client()
    assert not calling.deadline
    call(calling, timeout=30)
    assert calling.deadline == 5.0
    call(calling, now=1.0, timeout=2.0)
    assert calling.deadline == 3.0
    call(calling, now=1.0, timeout=20.0)
    assert calling.deadline == 3.0


def test_a_call_that_expired_is_over_and_its_server_told() -> None:
    calling = client()
    channel = call(calling, timeout=3.0)
    assert calling.on_deadline(2.9).woken == []
    step = calling.on_deadline(3.0)
    assert step.woken == [channel]
    assert said(step.send) == [(b"", "_zpc_close", [])]
    assert not calling.channels
    assert calling.deadline is None
    with pytest.raises(TimeoutExpired):
        channel.take()


def test_of_a_call_that_was_not_sent_nobody_is_told() -> None:
    calling = client()
    channel, _ = calling.open("add", [], 0.0, timeout=3.0)
    assert (calling.on_deadline(3.0).woken, calling.on_deadline(3.0).send) == ([channel], [])


def test_each_open_call_beats_each_interval() -> None:
    serving = server(interval=1.0)
    for number in range(3):
        accept(serving, request(number), now=number / 10)
    beats = []
    for tick in range(1, 24):
        now = tick / 10
        beats += [(now, header["response_to"]) for header in headers(serving.on_deadline(now).send)]
    assert beats == [(1.0, 0), (1.1, 1), (1.2, 2), (2.0, 0), (2.1, 1), (2.2, 2)]


def test_a_lost_client_is_told_so_as_the_last_word() -> None:
    serving = server(interval=1.0)
    channel = accept(serving, request(b"id")).channel
    step = serving.on_deadline(2.5)
    assert step.woken == [channel]
    ((identity, name, args),) = said(step.send)
    assert (identity, name, args[0]) == (b"peer", "ERR", "LostRemote")
    assert isinstance(channel.error, LostRemote)
    assert not serving.channels


def test_a_lost_server_is_told_to_stop() -> None:
    calling = client(interval=1.0)
    channel = call(calling)
    step = calling.on_deadline(2.5)
    assert (step.woken, said(step.send)) == ([channel], [(b"", "_zpc_close", [])])
    with pytest.raises(LostRemote):
        channel.take()


def test_after_a_stall_nobody_is_judged_before_the_next_look() -> None:
    serving = server(interval=1.0)
    channel = accept(serving, request(b"id")).channel
    step = serving.on_deadline(100.0, is_silence_certain=False)
    assert (step.woken, [name for _, name, _ in said(step.send)]) == ([], ["_zpc_hb"])
    assert serving.deadline is not None
    assert 100.0 < serving.deadline < 100.2
    feed(serving, on(channel, "_zpc_hb", [0]), now=100.05)
    assert serving.on_deadline(serving.deadline).woken == []
    assert serving.deadline == 101.0


@pytest.mark.parametrize("interval", [None, 0])
def test_without_an_interval_there_are_no_heartbeats(interval: Any) -> None:
    serving, calling = server(interval=interval), client(interval=interval)
    accept(serving, request())
    call(calling)
    for multiplexer in (serving, calling):
        assert multiplexer.deadline is None
        step = multiplexer.on_deadline(1e9)
        assert (step.woken, step.send) == ([], [])
        assert overdue(multiplexer, 1e9, 0.1) == []


def test_a_passive_client_begins_when_the_first_heartbeat_comes() -> None:
    calling = client(interval=1.0, is_passive=True)
    channel = call(calling, timeout=None)
    assert not calling.deadline
    feed(calling, on(channel, "_zpc_hb", [0]), now=10.0)
    assert calling.deadline is not None
    assert calling.deadline <= 11.0
    assert [name for _, name, _ in said(calling.on_deadline(10.0).send)] == ["_zpc_hb"]
    assert calling.on_deadline(12.5).woken == [channel]


def test_a_server_is_passive_towards_version_1() -> None:
    serving = server(interval=1.0)
    header = {"message_id": "raw"}
    channel = accept(serving, blob(header, "add", [])).channel
    step = serving.on_deadline(100.0)
    assert (step.woken, step.send, serving.deadline) == ([], [], None)
    beat = blob({"message_id": "x", "response_to": "raw"}, "_zpc_hb", [5])
    feed(serving, beat, now=100.0)
    assert channel.credit == 5
    assert serving.deadline is not None
    assert [name for _, name, _ in said(serving.on_deadline(100.0).send)] == ["_zpc_hb"]
    assert serving.on_deadline(102.5).woken == [channel]


# -- how often anyone looks ------------------------------------------------------------------------


def test_looking_takes_one_hundredth_of_the_time_however_many_are_open() -> None:
    serving = server(interval=1.0)
    for number in range(2000):
        accept(serving, request(number), now=number * 1e-6)
    looks, now = 0, 1.0
    while now < 3.0:
        now = max(now, serving.deadline or now)
        for number in range(2000):
            serving.channels[b"peer", number].last_heard = now
        serving.on_deadline(now)
        looks += 1
        assert serving.deadline is not None
        assert serving.deadline >= now + 2000 * 10e-6
    assert looks < 2.0 / (2000 * 10e-6)


def test_a_call_that_is_due_at_once_waits_for_the_next_look() -> None:
    calling = client(interval=None)
    for _ in range(1000):
        call(calling, timeout=100.0)
    calling.on_deadline(10.0)
    call(calling, now=10.0, timeout=0.001)
    assert calling.deadline == pytest.approx(10.0 + 1001 * 10e-6)


# -- the watchdog's part ---------------------------------------------------------------------------


def test_beats_that_the_loop_did_not_send_are_sent_for_it_once() -> None:
    serving = server(interval=1.0)
    accept(serving, request(b"0123456789abcdef" * 2), peer=b"A")
    accept(serving, request(NODE_ID), peer=b"B")
    assert overdue(serving, 1.1, 0.125) == []
    beats = overdue(serving, 1.125, 0.125)
    assert said(beats) == [(b"A", "_zpc_hb", [0]), (b"B", "_zpc_hb", [0])]
    assert [header["response_to"] for header in headers(beats)] == [
        b"0123456789abcdef" * 2,
        NODE_ID,
    ]
    assert overdue(serving, 1.2, 0.125) == []
    assert serving.on_deadline(1.2).send == []


def test_calls_that_the_loop_has_not_seen_can_be_beaten_for() -> None:
    serving = server(interval=1.0)
    open_one = accept(serving, request(b"open")).channel
    before = dict(serving.channels)
    unseen = unseen_calls(
        serving,
        [
            [b"A", b"", request(b"new")],
            [b"B", b"hop", b"", request(NODE_ID)],
            [b"C", b"", blob({"message_id": b"version 1"}, "add", [])],
            [b"D", b"", on(open_one, "_zpc_hb", [0])],
            [b"E", b"", b"\xc1"],
            # The loop takes the one for a peer of version 1, and refuses the other.
            [b"F", b"", blob({"message_id": b"older", "v": 0}, "add", [])],
            [b"G", b"", blob({"message_id": b"garbage", "v": "x"}, "add", [])],
        ],
        7.0,
    )
    assert serving.channels == before
    assert [(channel.envelope, channel.id) for channel in unseen] == [
        ((b"A",), b"new"),
        ((b"B", b"hop"), NODE_ID),
    ]
    beats = [serving.beat(channel) for channel in unseen]
    assert [name for _, name, _ in said(beats)] == ["_zpc_hb", "_zpc_hb"]


# -- peers that are gone ---------------------------------------------------------------------------


def test_all_calls_of_a_peer_end_with_it_and_no_others() -> None:
    serving = server()
    gone = [
        accept(serving, request(b"1"), peer=b"A").channel,
        accept(serving, request(b"2"), peer=b"A").channel,
    ]
    stays = accept(serving, request(b"1"), peer=b"B").channel
    step = serving.lose(b"A", "its connection broke")
    assert (step.woken, step.send) == (gone, [])
    assert list(serving.channels.values()) == [stays]
    for channel in gone:
        with pytest.raises(LostRemote, match="its connection broke"):
            serving.send(channel, "OK", [1])


def test_all_calls_of_a_socket_end_but_those_that_were_not_sent() -> None:
    calling = client()
    sent = call(calling)
    unsent, _ = calling.open("add", [], 0.0)
    assert calling.lose(None, "the connection broke").woken == [sent]
    assert unsent.state is State.OPEN
    assert calling.lose(None, "closed", only_sent=False).woken == [unsent]
    assert not calling.channels


def test_each_peer_is_probed_once() -> None:
    serving = server()
    for number in range(3):
        accept(serving, request(number), peer=b"A")
    accept(serving, request(b"x"), peer=b"B")
    assert said(probes(serving)) == [(b"A", "_zpc_hb", [0]), (b"B", "_zpc_hb", [0])]
    assert probes(server()) == []


def test_behind_a_proxy_only_that_is_probed() -> None:
    serving = server()
    for hop in (b"x", b"y"):
        serving.receive([[b"A", hop, b"", request(hop)]], 0.0)
    (frames,) = probes(serving)
    assert frames[:3] == (b"A", b"x", b"")


def test_who_expects_no_heartbeat_is_not_probed() -> None:
    serving = server()
    accept(serving, request(b"strict"), peer=b"A")
    channel = accept(serving, request(b"old", v=1), peer=b"B").channel
    assert probes(serving, {b"A"}) == []
    feed(serving, on(channel, "_zpc_hb", [0], v=1), peer=b"B")
    assert said(probes(serving, {b"A"})) == [(b"B", "_zpc_hb", [0])]
