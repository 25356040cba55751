"""Rules 1, 2, 4 and 5 at the head of zerorpc/channel.py: who may send how much to whom."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.channels import NODE_ID, called, caller, get
from zerorpc.channel import Effect, State
from zerorpc.errors import LocalProtocolError
from zerorpc.limits import Limits

# -- rule 1: credit --------------------------------------------------------------------------------


def test_the_request_uses_up_the_callers_credit() -> None:
    channel = caller()
    with pytest.raises(LocalProtocolError, match="without credit"):
        channel.spend("STREAM")
    assert channel.state is State.OPEN


def test_the_first_answer_uses_up_the_credit_of_the_called() -> None:
    channel = called()
    channel.spend("STREAM")
    with pytest.raises(LocalProtocolError, match="without credit"):
        channel.spend("STREAM_DONE")
    get(channel, "_zpc_more", [2])
    channel.spend("STREAM")
    channel.spend("STREAM_DONE")
    assert channel.state is State.DONE


@pytest.mark.parametrize(
    ("args", "effect"),
    [
        ([100], Effect.WAKE),
        ([1], Effect.WAKE),
        ([0], Effect.QUIET),
        ([-1], Effect.DROPPED),
        ([True], Effect.DROPPED),
        ([1.0], Effect.DROPPED),
        (["1"], Effect.DROPPED),
        ([None], Effect.DROPPED),
        ([], Effect.DROPPED),
        ([1, 2], Effect.DROPPED),
        (None, Effect.DROPPED),
        (5, Effect.DROPPED),
        ({0: 1}, Effect.DROPPED),
    ],
)
def test_only_a_sensible_grant_brings_credit(args: Any, effect: Effect) -> None:
    channel = called()
    before = channel.credit
    assert get(channel, "_zpc_more", args) is effect
    assert channel.credit == before + (args[0] if effect is Effect.WAKE else 0)
    assert channel.state is State.OPEN


def test_control_events_cost_nothing_and_unknown_ones_do_no_harm() -> None:
    for channel in (caller(), called()):
        before = (channel.credit, channel.promised)
        for _ in range(200):
            get(channel, "_zpc_hb", [0])
            assert get(channel, "_zpc_unknown", [1]) is Effect.DROPPED
        assert (channel.credit, channel.promised) == before
        assert channel.state is State.OPEN
        assert not channel.unread


def test_events_beyond_the_promise_are_dropped_by_the_called() -> None:
    """However many a peer sends (B2), nothing is kept and the call goes on."""
    channel = called()
    for _ in range(1000):
        assert get(channel, "STREAM", "x") is Effect.DROPPED
    assert not channel.unread
    assert channel.state is State.OPEN


# -- rule 2: grants --------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 3, 10, 100, 1000, None])
def test_a_window_is_promised_again_at_half_and_never_exceeded(slots: int | None) -> None:
    window = slots or Limits().window
    channel, outstanding, grants = caller(slots=slots), 1, []
    for number in range(5 * window):
        assert outstanding > 0, f"the sender starves at item {number}"
        get(channel, "STREAM", number)
        outstanding -= 1
        channel.take()
        more = channel.grant()
        outstanding += more
        assert outstanding == channel.promised <= window
        if more:
            grants.append(more)
    half = window // 2
    assert grants[0] == window
    assert set(grants[1:]) == ({window - half + 1} if half else {window})


def test_stocks_traces_are_ours() -> None:
    """Slots 10: 10 after the first item, then 6 whenever fewer than 5 are promised."""
    channel, trace = caller(slots=10), []
    for number in range(30):
        get(channel, "STREAM", number)
        channel.take()
        trace.append(channel.grant())
    assert trace == [10] + ([0] * 5 + [6]) * 4 + [0] * 5


def test_unread_items_count_as_promised() -> None:
    channel = caller(slots=10)
    get(channel, "STREAM")
    channel.take()
    assert channel.grant() == 10
    for _ in range(10):
        get(channel, "STREAM")
    for _ in range(5):
        channel.take()
        assert channel.grant() == 0
    channel.take()
    assert channel.grant() == 6


def test_no_grant_is_due_before_the_count_says_so() -> None:
    for slots in (1, 2, 3, 10, 100, 1000):
        channel = caller(slots=slots)
        for number in range(3 * slots):
            get(channel, "STREAM", number)
            channel.take()
            is_due = channel.until_grant <= 0
            assert bool(channel.grant()) == is_due, (slots, number)


@pytest.mark.parametrize(
    ("size", "window"), [(10, 1000), (1 << 20, 16), (9 << 20, 1), (64 << 20, 1)]
)
def test_the_window_shrinks_as_items_grow(size: int, window: int) -> None:
    channel = caller()
    get(channel, "STREAM", size=size)
    channel.take()
    assert channel.grant() == window


def test_the_window_grows_again_when_items_are_small_again() -> None:
    channel, granted = caller(), []
    sizes = [1 << 20] * 20 + [10] * 2000
    for size in sizes:
        get(channel, "STREAM", size=size)
        channel.take()
        granted.append(channel.grant())
    assert max(granted[:20]) == 16
    assert max(granted[20:]) > 450


def test_slots_are_meant_as_they_are_whatever_the_size() -> None:
    channel = caller(slots=100)
    get(channel, "STREAM", size=50 << 20)
    channel.take()
    assert channel.grant() == 100


def test_a_window_that_shrank_is_emptied_before_more_is_promised() -> None:
    channel = caller()
    get(channel, "STREAM", size=10)
    channel.take()
    assert channel.grant() == 1000
    for _ in range(992):
        get(channel, "STREAM", size=1 << 20)
        channel.take()
        assert channel.grant() == 0
    get(channel, "STREAM", size=1 << 20)
    channel.take()
    assert channel.grant() == 16 - 7


# -- rule 4: old peers -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2])
def test_the_heartbeat_of_an_old_peer_is_a_grant_too(version: int) -> None:
    channel = called(version=version)
    assert get(channel, "_zpc_hb", [0]) is Effect.QUIET
    assert get(channel, "_zpc_hb", [51]) is Effect.WAKE
    assert get(channel, "_zpc_hb", None) is Effect.DROPPED
    assert get(channel, "_zpc_more", [9]) is Effect.WAKE
    assert channel.credit == 1 + 51 + 9


@pytest.mark.parametrize("version", [3, 4, 99])
def test_the_heartbeat_of_a_new_peer_is_none(version: int) -> None:
    channel = called(version=version)
    for args in ([0], [100], None, "anything"):
        assert get(channel, "_zpc_hb", args) is Effect.QUIET
    assert channel.credit == 1


# -- rule 5: grants that set -----------------------------------------------------------------------


def test_a_grant_of_a_peer_with_text_ids_never_lowers_the_credit() -> None:
    channel = called(channel_id=NODE_ID)
    for grant, credit in ((100, 100), (100, 100), (40, 100), (0, 100), (120, 120)):
        get(channel, "_zpc_more", [grant])
        assert channel.credit == credit
    channel.spend("STREAM")
    get(channel, "_zpc_more", [100])
    assert channel.credit == 119


def stream_from(is_set: bool, sizes: list[int], slots: int | None) -> int:
    """Run a stream from a sender with text ids that sets or adds; returns the most it ever held."""
    channel = caller(slots=slots)
    channel.is_setting = True
    credit, most = 1, 1
    for number, size in enumerate(sizes):
        assert credit > 0, f"the sender starves at item {number}"
        credit -= 1
        assert get(channel, "STREAM", number, size) is Effect.WAKE
        channel.take()
        if channel.until_grant <= 0:
            more = channel.grant()
            credit = (more or credit) if is_set else credit + more
        most = max(most, credit)
    assert channel.state is State.OPEN
    return most


@pytest.mark.parametrize("is_set", [True, False])
@pytest.mark.parametrize("slots", [1, 2, 3, 10, 100, 1000, None])
def test_both_kinds_of_peers_with_text_ids_are_granted_enough(
    is_set: bool, slots: int | None
) -> None:
    window = slots or Limits().window
    assert stream_from(is_set, [10] * (6 * window), slots) <= window


@pytest.mark.parametrize("is_set", [True, False])
def test_a_shrinking_window_starves_neither_kind(is_set: bool) -> None:
    sizes = ([10] * 2000 + [1 << 20] * 2000 + [20 << 20] * 30) * 2
    assert stream_from(is_set, sizes, None) <= 1500
