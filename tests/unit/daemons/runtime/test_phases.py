"""What a daemon does about what happens to it, phase by phase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerorpc_daemon.phases import Action, Event, LifeCycle, Phase


def life(*events: Event) -> tuple[LifeCycle, list[Action]]:
    cycle = LifeCycle()
    return cycle, [cycle.on(event) for event in events]


def test_a_life_without_haste() -> None:
    cycle, actions = life(Event.STARTED, Event.RELOAD, Event.STOP, Event.DRAINED)
    assert actions == [Action.ANNOUNCE, Action.RELOAD, Action.DRAIN, Action.END]
    assert cycle.phase is Phase.ENDED


@pytest.mark.parametrize("last", [Event.STOP, Event.TOO_LATE])
def test_a_second_signal_or_the_end_of_time_cuts_off(last: Event) -> None:
    assert life(Event.STARTED, Event.STOP, last)[1][-1] is Action.CUT_OFF


def test_what_comes_too_early_is_done_once_it_runs() -> None:
    cycle, actions = life(Event.RELOAD, Event.UPGRADE, Event.RELOAD)
    assert actions == [Action.LATER] * 3
    assert cycle.postponed() == [Event.RELOAD, Event.UPGRADE]
    assert cycle.postponed() == []


def test_logs_are_reopened_in_every_phase_of_its_life() -> None:
    for before in ([], [Event.STARTED], [Event.STARTED, Event.STOP]):
        assert life(*before, Event.REOPEN)[1][-1] is Action.REOPEN


def test_who_drains_has_no_use_for_another_configuration() -> None:
    assert life(Event.STARTED, Event.STOP, Event.RELOAD)[1][-1] is Action.NOTHING


@given(st.lists(st.sampled_from(Event), max_size=12))
def test_nothing_follows_the_end_and_two_signals_always_reach_it(events: list[Event]) -> None:
    cycle, actions = life(*events)
    ends = [at for at, each in enumerate(actions) if each in (Action.END, Action.CUT_OFF)]
    assert all(each is Action.NOTHING for at in ends for each in actions[at + 1 :])
    cycle.on(Event.STOP)
    cycle.on(Event.STOP)
    assert cycle.phase is Phase.ENDED
