"""Lines of the log: JSON for machines, short for people, harmless for terminals."""

from __future__ import annotations

import json
from datetime import timezone
from pathlib import Path

import pytest

from zerorpc_daemon.lines import Line, as_console, as_json

TIME = 1331303696.7894


def test_json_begins_with_time_level_and_event() -> None:
    line = Line(TIME, "info", "worker lost", {"worker": b"\x00\xff", "n": 1.5, "to": Path("/x")})
    assert as_json(line) == (
        '{"ts": "2012-03-09T14:34:56.789Z", "level": "info", "event": "worker lost",'
        ' "worker": "00ff", "n": 1.5, "to": "/x"}'
    )


def test_a_field_cannot_pretend_to_be_another_event() -> None:
    assert json.loads(as_json(Line(TIME, "info", "a", {"event": "b"})))["event"] == "a"


def test_a_line_is_one_line_and_bounded() -> None:
    text = as_json(Line(TIME, "info", "a\nb", {"reason": "x\n" * 100_000}))
    assert "\n" not in text
    assert len(text) < 40_000


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("tcp://a:1", "tcp://a:1"),
        ("two words", "'two words'"),
        ("", "''"),
        ("\x1b[2J", r"'\x1b[2J'"),
        (3, "3"),
        (None, "null"),
        (["a", b"\x01"], '["a", "01"]'),
    ],
)
def test_console_shows_words_bare_and_all_else_quoted(value: object, shown: str) -> None:
    line = Line(TIME, "warning", "seen", {"value": value})
    text = as_console(line, is_coloured=False, zone=timezone.utc)
    assert text == f"14:34:56.789 WARNING seen value={shown}"


def test_a_traceback_follows_on_lines_of_its_own() -> None:
    line = Line(TIME, "error", "failed", {"traceback": "Traceback:\n  here\x07\n"})
    assert as_console(line, is_coloured=True, zone=timezone.utc) == (
        "14:34:56.789 \x1b[31mERROR  \x1b[0m failed\nTraceback:\n  here\\x07"
    )
