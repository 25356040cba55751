"""Each row of the table at the head of zerorpc/channel.py, its heartbeats and its deadlines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import zerorpc.channel
from tests.unit.channels import called, caller, get, take_all
from zerorpc.channel import Channel, Effect, State
from zerorpc.errors import (
    ClosedError,
    LocalProtocolError,
    LostRemote,
    TimeoutExpired,
    ZerorpcError,
)
from zerorpc.limits import Limits

# -- the table -------------------------------------------------------------------------------------


def broken(channel: Channel) -> None:
    channel.fail(LostRemote("its connection broke"))


def late(channel: Channel) -> None:
    channel.on_deadline(12.5, is_silence_certain=True)


Row = tuple[list[Callable[[], Channel]], list[Callable[[Channel], Any]], State, Any]
ROWS: dict[str, Row] = {
    "OK, ERR or STREAM_DONE is received, or sent": (
        [called],
        [
            lambda channel: channel.spend("OK"),
            lambda channel: channel.spend("ERR"),
            lambda channel: channel.spend("STREAM_DONE"),
        ],
        State.DONE,
        None,
    ),
    "`_zpc_close` is received by the side that was called": (
        [called],
        [lambda channel: get(channel, "_zpc_close", [])],
        State.FAILED,
        LostRemote,
    ),
    "nothing heard for 2.5 heartbeat intervals": (
        [caller, called],
        [late],
        State.FAILED,
        LostRemote,
    ),
    "the connection broke": ([caller, called], [broken], State.FAILED, LostRemote),
    "the peer overran its window, or too much lies unread": (
        [lambda: caller(limits=Limits(unread_bytes=100))],
        [
            lambda channel: (get(channel, "STREAM"), get(channel, "STREAM")),
            lambda channel: get(channel, "STREAM", size=101),
        ],
        State.FAILED,
        LostRemote,
    ),
    "the deadline passed": (
        [lambda: caller(timeout=12.5, interval=None)],
        [late],
        State.FAILED,
        TimeoutExpired,
    ),
    "`close()`": (
        [caller, called],
        [lambda channel: channel.close()],
        State.CLOSED,
        ClosedError,
    ),
}
CASES = [
    pytest.param(make, happen, after, error, id=f"{row}-{number}")
    for row, (makers, happenings, after, error) in ROWS.items()
    for number, (make, happen) in enumerate((m, h) for m in makers for h in happenings)
]


def rows_of_the_table() -> list[list[str]]:
    lines = [line for line in (zerorpc.channel.__doc__ or "").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_row_of_the_table_is_proven_here() -> None:
    assert [row[1] for row in rows_of_the_table()] == [*ROWS, "anything"]


def test_each_row_of_the_table_tells_what_is_proven_here() -> None:
    for state, what, after, raised in rows_of_the_table()[:-1]:
        error = ROWS[what][3]
        told = error.__name__ if error else "nothing, gives None"
        assert (state, after, raised) == ("OPEN", ROWS[what][2].name, told)


@pytest.mark.parametrize(("make", "happen", "after", "error"), CASES)
def test_an_open_channel(
    make: Callable[[], Channel],
    happen: Callable[[Channel], Any],
    after: State,
    error: type[ZerorpcError] | None,
) -> None:
    channel = make()
    assert channel.state is State.OPEN
    happen(channel)
    take_all(channel)
    assert channel.state is after
    if error is None:
        assert channel.take() is None
    else:
        for _ in range(2):
            with pytest.raises(error):
                channel.take()


@pytest.mark.parametrize(("make", "happen", "after", "error"), CASES)
def test_a_channel_that_is_over_stays_as_it_is(
    make: Callable[[], Channel],
    happen: Callable[[Channel], Any],
    after: State,
    error: type[ZerorpcError] | None,
) -> None:
    channel = make()
    happen(channel)
    take_all(channel)
    first = channel.error
    assert channel.fail(LostRemote("again")) is Effect.QUIET
    assert channel.close() is False
    assert channel.grant() == 0
    assert channel.on_deadline(1000.0, is_silence_certain=True)[1] is False
    with pytest.raises(LocalProtocolError if first is None else type(first)):
        channel.spend("STREAM")
    assert (channel.state, channel.error) == (after, first)
    assert channel.has_lapsed


@pytest.mark.parametrize("name", ["OK", "ERR", "STREAM_DONE"])
def test_a_final_event_that_is_received_ends_the_channel(name: str) -> None:
    channel = caller()
    assert get(channel, name, [7]) is Effect.WAKE
    assert channel.state is State.DONE
    assert take_all(channel) == [[7]]
    assert channel.take() is None
    assert channel.unread_bytes == 0


def test_what_came_before_the_end_is_taken_before_it_shows() -> None:
    channel = caller(slots=10)
    get(channel, "STREAM", 1)
    channel.take()
    channel.grant()
    get(channel, "STREAM", 2)
    get(channel, "STREAM", 3)
    channel.fail(LostRemote("gone"))
    assert take_all(channel) == [2, 3]
    with pytest.raises(LostRemote, match="gone"):
        channel.take()


def test_a_caller_takes_no_close_and_the_called_tells_nobody() -> None:
    channel = caller()
    assert get(channel, "_zpc_close", []) is Effect.DROPPED
    assert channel.state is State.OPEN
    assert called().close() is False


def test_a_close_is_worth_telling_when_the_request_was_sent() -> None:
    assert caller().close() is True
    unsent = caller()
    unsent.is_sent = False
    assert unsent.close() is False


# -- rule 3: heartbeats ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [caller, called])
def test_a_peer_is_lost_two_and_a_half_intervals_after_its_last_sign(
    make: Callable[..., Channel],
) -> None:
    for name, args in (("_zpc_hb", [0]), ("_zpc_more", [0]), ("_zpc_unknown", None), ("STREAM", 1)):
        channel = make(interval=1.0)
        get(channel, name, args, now=7.25)
        for now in (8.0, 9.25, 9.74):
            assert channel.on_deadline(now, is_silence_certain=True)[0] is Effect.QUIET
            assert channel.deadline is not None
        assert channel.deadline == 9.75
        effect, must_beat = channel.on_deadline(9.75, is_silence_certain=True)
        assert (effect, must_beat, channel.state) == (Effect.WAKE, False, State.FAILED)


def test_a_peer_that_never_gave_a_sign_is_lost_like_any_other() -> None:
    channel = caller(interval=1.0)
    assert channel.on_deadline(2.49, is_silence_certain=True)[0] is Effect.QUIET
    assert channel.on_deadline(2.5, is_silence_certain=True)[0] is Effect.WAKE
    with pytest.raises(LostRemote, match=r"after 2\.5s without heartbeat \(method\)"):
        channel.take()


def test_a_request_that_found_no_connection_says_so() -> None:
    channel = caller(interval=1.0)
    channel.is_sent = False
    channel.on_deadline(2.5, is_silence_certain=True)
    with pytest.raises(LostRemote, match=r"no connection for 2\.5s, method was not sent"):
        channel.take()


def test_nobody_is_judged_while_events_may_lie_unread() -> None:
    channel = caller(interval=1.0)
    assert channel.on_deadline(100.0, is_silence_certain=False) == (Effect.QUIET, True)
    get(channel, "_zpc_hb", [0], now=100.1)
    assert channel.on_deadline(102.0, is_silence_certain=True) == (Effect.QUIET, True)


@pytest.mark.parametrize("make", [caller, called])
def test_a_heartbeat_is_due_each_interval_from_the_first_on(make: Callable[..., Channel]) -> None:
    channel, beats = make(interval=5.0), []
    for tick in range(1, 400):
        now = tick / 10
        get(channel, "_zpc_hb", [0], now=now)
        if channel.on_deadline(now, is_silence_certain=True)[1]:
            beats.append(now)
    assert beats == [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0]


def test_the_deadline_is_the_next_beat_the_loss_or_the_timeout() -> None:
    assert caller(interval=1.0).deadline == 1.0
    assert caller(interval=1.0, timeout=0.5).deadline == 0.5
    assert caller(interval=None, timeout=0.5).deadline == 0.5
    assert caller(interval=None).deadline is None
    assert caller(interval=1.0, is_passive=True).deadline is None
    channel = caller(interval=1.0)
    channel.next_beat = 50.0
    assert channel.deadline == 2.5


def test_without_an_interval_there_is_no_heartbeat_and_no_verdict() -> None:
    channel = caller(interval=None)
    assert channel.on_deadline(1e9, is_silence_certain=True) == (Effect.QUIET, False)
    assert not channel.is_beat_due(1e9)


def test_a_passive_end_waits_for_the_peers_first_heartbeat() -> None:
    channel = caller(interval=1.0, is_passive=True)
    assert channel.on_deadline(100.0, is_silence_certain=True) == (Effect.QUIET, False)
    get(channel, "STREAM", now=100.0)
    assert channel.on_deadline(200.0, is_silence_certain=True) == (Effect.QUIET, False)
    get(channel, "_zpc_hb", [0], now=200.0)
    assert channel.on_deadline(200.0, is_silence_certain=True) == (Effect.QUIET, True)
    assert channel.deadline == 201.0
    assert channel.on_deadline(202.5, is_silence_certain=True)[0] is Effect.WAKE


def test_a_beat_that_is_late_is_due_for_the_watchdog_once() -> None:
    channel = called(interval=1.0)
    assert not channel.is_beat_due(1.1, late=0.125)
    assert channel.is_beat_due(1.125, late=0.125)
    assert not channel.is_beat_due(1.2, late=0.125)
    assert channel.is_beat_due(2.25, late=0.125)


def test_an_unsent_request_and_an_ended_channel_beat_no_more() -> None:
    unsent, over = caller(interval=1.0), called(interval=1.0)
    unsent.is_sent = False
    over.close()
    assert not unsent.is_beat_due(1.0)
    assert not over.is_beat_due(1.0)


# -- deadlines -------------------------------------------------------------------------------------


def test_a_call_expires_to_the_instant() -> None:
    channel = caller(timeout=3.0)
    assert channel.on_deadline(2.99, is_silence_certain=True) == (Effect.QUIET, False)
    assert channel.on_deadline(3.0, is_silence_certain=True) == (Effect.WAKE, False)
    with pytest.raises(TimeoutExpired, match=r"timeout after 3\.0s, when calling remote method"):
        channel.take()


def test_a_call_expires_even_while_its_peer_beats() -> None:
    channel = caller(timeout=3.0, interval=1.0)
    get(channel, "_zpc_hb", [0], now=2.9)
    assert channel.on_deadline(3.0, is_silence_certain=True)[0] is Effect.WAKE


def test_a_stream_may_be_silent_as_long_as_heartbeats_come() -> None:
    channel = caller(timeout=3.0, interval=1.0)
    get(channel, "STREAM", now=1.0)
    channel.take()
    channel.await_item(1.0)
    for now in range(2, 100):
        get(channel, "_zpc_hb", [0], now=float(now))
        assert channel.on_deadline(float(now), is_silence_certain=True)[0] is Effect.QUIET


@pytest.mark.parametrize("settings", [{"interval": None}, {"is_passive": True}])
def test_without_heartbeats_the_wait_for_an_item_has_a_limit(settings: dict[str, Any]) -> None:
    channel = caller(timeout=3.0, **settings)
    get(channel, "STREAM", now=1.0)
    channel.take()
    channel.await_item(10.0)
    assert channel.deadline == 13.0
    assert channel.on_deadline(12.99, is_silence_certain=True)[0] is Effect.QUIET
    assert channel.on_deadline(13.0, is_silence_certain=True)[0] is Effect.WAKE
    with pytest.raises(TimeoutExpired, match="waiting for the next item of method"):
        channel.take()


def test_a_reader_that_takes_its_time_is_not_timed_out() -> None:
    channel = caller(timeout=3.0, interval=None)
    get(channel, "STREAM", now=1.0)
    channel.take()
    assert channel.on_deadline(1000.0, is_silence_certain=True)[0] is Effect.QUIET
    channel.await_item(1000.0)
    channel.grant()
    get(channel, "STREAM", now=1002.0)
    assert channel.on_deadline(2000.0, is_silence_certain=True)[0] is Effect.QUIET
    assert channel.deadline is None


def test_a_passive_reader_is_watched_over_once_the_peer_beats() -> None:
    channel = caller(timeout=3.0, interval=1.0, is_passive=True)
    get(channel, "STREAM", now=1.0)
    channel.take()
    channel.await_item(1.0)
    get(channel, "_zpc_hb", [0], now=2.0)
    assert channel.on_deadline(4.0, is_silence_certain=True)[0] is Effect.QUIET


def test_a_passive_caller_still_expires_without_a_first_answer() -> None:
    channel = caller(timeout=3.0, interval=1.0, is_passive=True)
    get(channel, "_zpc_hb", [0], now=2.0)
    assert channel.on_deadline(3.0, is_silence_certain=True)[0] is Effect.WAKE


def test_a_call_without_a_timeout_waits_for_ever() -> None:
    channel = caller(timeout=None, interval=None)
    get(channel, "STREAM", now=1.0)
    channel.take()
    channel.await_item(1.0)
    assert channel.deadline is None
    assert channel.on_deadline(1e9, is_silence_certain=True) == (Effect.QUIET, False)
