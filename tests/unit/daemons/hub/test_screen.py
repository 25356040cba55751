"""The picture of `top` fits, whatever hubs are called and however many rows they have."""

from __future__ import annotations

from typing import Any

import pytest

from zerorpc_hub.rows import Report, Row, Table
from zerorpc_hub.screen import age, duration, lines, number, shortened

DAEMON: dict[str, Any] = {
    "name": "zerorpc-hub",
    "version": "1.2.3",
    "pid": 4_000_000,
    "phase": "running",
    "is_ready": False,
    "uptime_s": 86_400 * 400,
    "loop_lag_s": {"worst": 0.0123},
}


def big(rows: int) -> Report:
    row = Row("m" * 300 + "end", "draining", 123_456.7, 99_999.9, 10_000, 1e-9, 0.99951, 3599.0)
    tables = [Table(each, "state", [row] * rows) for each in ("endpoint", "worker", "method")]
    return Report("hub", "word " * 30, tables)


@pytest.mark.parametrize("width", [80, 81, 120, 200])
def test_lines_keep_within_the_width(width: int) -> None:
    picture = lines(DAEMON, [big(5), big(5)], width, None)
    assert max(map(len, picture)) <= width
    assert sum("end " in line for line in picture) == 30


@pytest.mark.parametrize("height", [12, 20, 40, 100])
def test_rows_that_do_not_fit_are_counted(height: int) -> None:
    picture = lines(DAEMON, [big(15)], 80, height)
    assert len(picture) <= height
    if height < 100:
        assert any(line.startswith("... ") and line.endswith(" more") for line in picture)
    if height >= 20:
        assert any(line.startswith("METHOD") for line in picture)


def test_room_that_one_table_does_not_need_goes_to_others() -> None:
    rows = [Row(str(number), "", 0, 0, 0) for number in range(50)]
    report = Report("h", "s", [Table("worker", "", rows[:2]), Table("method", "", rows)])
    picture = lines(DAEMON, [report], 80, 30)
    assert len(picture) == 30
    assert picture[-1] == "... 28 more"


def test_a_daemon_that_is_not_ready_says_so() -> None:
    assert "not ready" in lines(DAEMON, [], 80, None)[0]
    assert "draining" in lines({**DAEMON, "phase": "draining"}, [], 80, None)[0]


def test_names_keep_their_ends_and_cannot_move_the_cursor() -> None:
    assert shortened("tcp://[2001:db8::1]:1111", 24) == "tcp://[2001:db8::1]:1111"
    assert shortened("tcp://[2001:db8::1]:1111", 15) == "tcp:/~::1]:1111"
    assert shortened("a\x1b[2Jb\n", 20) == "a?[2Jb?"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (1e-6, "<1us"),
        (4e-6, "4.0us"),
        (0.000999, "999us"),
        (0.0123, "12ms"),
        (0.9994, "999ms"),
        (1.5, "1.5s"),
        (99.9, "99.9s"),
        (3_600.0, "1h00m"),
    ],
)
def test_durations_are_short(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
    assert len(text) <= 6


def test_rates_and_ages_are_short() -> None:
    assert [number(each) for each in (0, 0.25, 99.94, 1234.5, 123_456)] == [
        *("0", "0.2", "99.9", "1234", "123k"),
    ]
    assert [age(each) for each in (5, 65, 7_200, 90_000)] == ["5s", "1m05s", "2h00m", "1d01h"]
