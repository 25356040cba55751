"""What may be given for seconds and counts, and what is said about anything else."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import copysign, inf, nan
from typing import Any

import pytest

from zerorpc.checks import (
    FOR_EVER,
    MOST_COUNTED,
    check_count,
    check_grace,
    check_heartbeat,
    check_timeout,
    check_topics,
)

HUGE = 10**400  # for which there is no float
NO_NUMBERS: list[Any] = ["5", b"5", True, False, [5], 5j, ...]


def short(value: object) -> str:
    return repr(value)[:9]


def timeout(value: Any) -> float | None:
    return check_timeout("timeout", value)


def computed(value: Any) -> float | None:
    return check_timeout("timeout", value, is_computed=True)


@pytest.mark.parametrize("check", [timeout, computed, check_heartbeat, check_grace])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_told_by_name(check: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=r"^(timeout|heartbeat|grace)=.*: should be a number of"):
        check(value)


@pytest.mark.parametrize("check", [timeout, computed, check_heartbeat, check_grace])
def test_nan_is_no_number_of_seconds(check: Any) -> None:
    with pytest.raises(ValueError, match=r"=nan: should be a number of seconds"):
        check(nan)


@pytest.mark.parametrize("check", [timeout, check_heartbeat, check_grace])
@pytest.mark.parametrize("value", [-1, -0.001, -inf, -HUGE], ids=short)
def test_negative_seconds_are_refused(check: Any, value: float) -> None:
    with pytest.raises(ValueError, match=r"=-.*: should (not be negative|be positive)"):
        check(value)


@pytest.mark.parametrize("value", [-1, -inf, -HUGE], ids=short)
def test_a_computed_timeout_may_be_over(value: float) -> None:
    assert computed(value) == value


@pytest.mark.parametrize("value", [None, inf, 1e12, HUGE], ids=short)
def test_a_timeout_that_never_comes_is_none(value: float | None) -> None:
    assert timeout(value) is None


@pytest.mark.parametrize("value", [inf, 1e12, HUGE], ids=short)
def test_a_heartbeat_must_come_one_day(value: float) -> None:
    with pytest.raises(ValueError, match=r"^heartbeat=.*finite"):
        check_heartbeat(value)


@pytest.mark.parametrize("value", [None, 0, 0.0, -0.0])
def test_no_heartbeat(value: float | None) -> None:
    assert check_heartbeat(value) is None


@pytest.mark.parametrize("value", [inf, HUGE], ids=short)
def test_grace_may_be_infinite(value: float) -> None:
    assert check_grace(value) == FOR_EVER


def test_numbers_come_back_as_they_were_given() -> None:
    assert repr([check_timeout("t", each) for each in (0, 5, 5.0, 1e-300)]) == "[0, 5, 5.0, 1e-300]"
    assert [check_timeout("t", each) for each in (Fraction(1, 2), Decimal("0.5"))] == [0.5, 0.5]
    assert copysign(1, check_timeout("t", -0.0) or 0) == 1


@pytest.mark.parametrize("value", [1, HUGE, None], ids=short)
def test_counts(value: int | None) -> None:
    assert check_count("slots", value) == value


@pytest.mark.parametrize("value", [0, -1])
def test_a_count_below_one_is_told_by_name(value: int) -> None:
    with pytest.raises(ValueError, match=rf"^slots={value}: should be at least 1"):
        check_count("slots", value)


@pytest.mark.parametrize("value", [True, 2.0, "2", nan], ids=repr)
def test_a_count_is_a_whole_number(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^slots=.*: should be a whole number"):
        check_count("slots", value)


@pytest.mark.parametrize("value", [[1], [b"al"], ["al", None], "al", b"al", 5])
def test_topics_are_texts(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^topics"):
        check_topics(value)


def test_topics_may_come_in_any_collection() -> None:
    assert check_topics(None) is None
    assert check_topics([]) == ()
    assert check_topics(iter(["al", "be"])) == ("al", "be")


@pytest.mark.parametrize("value", [2**53 + 1, 2**64, HUGE], ids=short)
def test_a_count_that_travels_is_one_that_every_peer_can_count(value: int) -> None:
    assert check_count("slots", 2**53, MOST_COUNTED) == 2**53
    with pytest.raises(ValueError, match=r"^slots=.*: should be at most 9007199254740992"):
        check_count("slots", value, MOST_COUNTED)
