"""Which bounds are taken for bounds."""

from __future__ import annotations

import math
from typing import Any

import pytest

from zerorpc.limits import Limits, check_limits


def test_what_can_be_meant_is_taken() -> None:
    assert check_limits(None) == Limits()
    tight = Limits(window=1, channels=0, channels_per_peer=0, backlog_bytes=0)
    assert check_limits(tight) is tight
    assert check_limits(Limits(event_bytes=10**30)).event_bytes == 10**30


@pytest.mark.parametrize("field", Limits._fields)
@pytest.mark.parametrize("value", ["x", 1.5, math.nan, math.inf, None, True])
def test_what_is_no_whole_number_is_told_by_its_field(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"limits: {field}={value!r} should be a whole number"):
        check_limits(Limits()._replace(**{field: value}))


@pytest.mark.parametrize("field", Limits._fields)
def test_what_is_too_little_is_told_by_its_field(field: str) -> None:
    with pytest.raises(ValueError, match=f"limits: {field}=-1 should be at least"):
        check_limits(Limits()._replace(**{field: -1}))


@pytest.mark.parametrize("field", ["event_bytes", "containers", "window", "window_bytes"])
def test_a_bound_of_nothing_lets_nothing_through(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}=0 should be at least 1"):
        check_limits(Limits()._replace(**{field: 0}))


@pytest.mark.parametrize("value", [5, (1, 2), {}, "x", 0, False])
def test_what_is_no_limits_at_all(value: Any) -> None:
    with pytest.raises(TypeError, match=r"should be a zerorpc\.Limits"):
        check_limits(value)
