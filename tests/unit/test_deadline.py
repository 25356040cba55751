"""How long a caller waits travels in whole milliseconds, and no less than it waits."""

from __future__ import annotations

import pytest

from zerorpc.deadline import in_milliseconds, time_left


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0.00099, 1), (0.0209, 21), (0.1, 100), (30, 30_000), (7.5, 7500)]
)
def test_a_server_gets_no_less_time_than_its_caller_takes(
    seconds: float, milliseconds: int
) -> None:
    assert in_milliseconds(seconds) == milliseconds


def test_a_deadline_that_is_as_good_as_none_is_none() -> None:
    assert time_left({"deadline_ms": 10**15 - 1}) is not None
    assert time_left({"deadline_ms": 10**15}) is None
    assert time_left({"deadline_ms": 2**64 - 1}) is None
