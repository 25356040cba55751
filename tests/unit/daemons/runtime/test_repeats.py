"""Equal lines pass a few times, and are counted then."""

from __future__ import annotations

from zerorpc_daemon.repeats import Repeats


def test_a_burst_passes_and_the_rest_is_counted_at_the_end_of_the_period() -> None:
    repeats = Repeats(burst=3, period=10.0)
    assert [repeats.admit("lost", 0.1 * each) for each in range(6)] == [True] * 3 + [False] * 3
    assert repeats.over(9.9) == []
    assert repeats.over(10.0) == [("lost", 3)]
    assert repeats.over(20.0) == []
    assert repeats.admit("lost", 10.1)
    assert repeats.suppressed == 3


def test_kinds_do_not_hold_back_each_other() -> None:
    repeats = Repeats(burst=1)
    assert repeats.admit("lost", 0)
    assert repeats.admit("found", 0)
    assert not repeats.admit("lost", 0)


def test_a_few_lines_are_no_repetition() -> None:
    repeats = Repeats(burst=3)
    assert repeats.admit("lost", 0)
    assert repeats.over(99.0) == []


def test_kinds_without_end_share_one() -> None:
    repeats = Repeats(burst=5)
    admitted = sum(repeats.admit(each, 0) for each in range(5000))
    assert admitted == 1005
    assert repeats.over(10.0) == [(None, 3995)]
