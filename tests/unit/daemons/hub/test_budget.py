"""Retries are a share of the calls and a few a second, saved up for a while and no longer."""

from __future__ import annotations

import pytest

from zerorpc_hub.budget import RetryBudget


def taken(budget: RetryBudget, calls: int, now: float, most: int = 100_000) -> int:
    """Return how many retries a budget grants at an instant."""
    count = 0
    while count < most and budget.take(calls, now):
        count += 1
    return count


def test_it_begins_with_a_second_of_its_fixed_part() -> None:
    assert taken(RetryBudget(0.2, 10.0, now=5.0), calls=0, now=5.0) == 10


def test_a_share_of_the_calls_may_be_tried_again() -> None:
    budget = RetryBudget(0.2, 0.0, now=0.0)
    assert taken(budget, calls=100, now=1.0) == 20
    assert taken(budget, calls=100, now=1.0) == 0
    assert taken(budget, calls=105, now=1.0) == 1


def test_a_few_a_second_may_be_tried_again_whatever_the_calls() -> None:
    budget = RetryBudget(0.0, 10.0, now=0.0)
    taken(budget, calls=0, now=0.0)
    assert taken(budget, calls=0, now=0.5) == 5
    assert taken(budget, calls=0, now=3.5) == 30


def test_parts_of_one_add_up() -> None:
    budget = RetryBudget(0.2, 0.0, now=0.0)
    assert [budget.take(calls, 0.0) for calls in (2, 4, 6)] == [False, False, True]


@pytest.mark.parametrize("seconds", [10.0, 100.0, 100_000.0])
def test_a_quiet_time_saves_up_ten_seconds_and_no_more(seconds: float) -> None:
    budget = RetryBudget(0.0, 10.0, now=0.0)
    assert taken(budget, calls=0, now=seconds) == 100


def test_calls_of_long_ago_count_no_more() -> None:
    budget = RetryBudget(0.2, 0.0, now=0.0)
    # 1,000 calls a second: a fifth of those of the last ten seconds.
    assert taken(budget, calls=1_000_000, now=1000.0) == pytest.approx(2000, abs=1)


def test_what_is_left_goes_along() -> None:
    budget = RetryBudget(0.2, 10.0, now=0.0)
    budget.take(0, 0.0)
    heir = RetryBudget(0.2, 10.0, now=50.0)
    heir.restore(budget.export())
    assert taken(heir, calls=0, now=0.0) == 9


def test_a_revised_one_fills_up_otherwise() -> None:
    budget = RetryBudget(0.0, 10.0, now=0.0)
    taken(budget, calls=0, now=0.0)
    budget.revise(0.5, 0.0)
    assert taken(budget, calls=10, now=1.0) == 5
