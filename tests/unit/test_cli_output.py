"""How results look, on a terminal and off it."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest

from zerorpc.cli.outcome import Unwritable
from zerorpc.cli.output import Paper, write_stream, write_value

ROWS = [("quote", "quote('abc def') -> 'abc%20def'"), ("quote_plus", "Quote the query fragment")]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def table(stream: io.StringIO, environ: dict[str, str], width: int = 80) -> str:
    Paper(stream, environ, width).table(ROWS)
    return stream.getvalue()


def test_a_table_off_a_terminal_has_single_spaces() -> None:
    assert table(io.StringIO(), {}) == (
        "quote quote('abc def') -> 'abc%20def'\nquote_plus Quote the query fragment\n"
    )


def test_a_table_on_a_terminal_is_aligned() -> None:
    assert table(Terminal(), {"NO_COLOR": "1"}) == (
        "quote       quote('abc def') -> 'abc%20def'\nquote_plus  Quote the query fragment\n"
    )


def test_a_table_is_cut_to_the_terminal() -> None:
    assert (
        table(Terminal(), {"NO_COLOR": "1"}, 20) == "quote       quote('…\nquote_plus  Quote t…\n"
    )


def test_a_long_name_does_not_push_the_others_away() -> None:
    stream = Terminal()
    Paper(stream, {"NO_COLOR": "1"}, 80).table([("n" * 50, "long"), ("n", "short")])
    assert stream.getvalue() == f"{'n' * 50}  long\nn{' ' * 31}  short\n"


def test_an_empty_table_is_nothing() -> None:
    stream = Terminal()
    Paper(stream, {}).table([])
    assert stream.getvalue() == ""


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_refused(environ: dict[str, str]) -> None:
    assert "\033" not in table(Terminal(), environ)


def test_colours_are_for_terminals() -> None:
    assert "\033[1mquote\033[0m" in table(Terminal(), {"NO_COLOR": "", "TERM": "xterm"})
    assert "\033" not in table(io.StringIO(), {"TERM": "xterm"})


def shown(value: Any, *, is_json: bool) -> str:
    stream = io.StringIO()
    write_value(value, Paper(stream, {}), is_json=is_json)
    return stream.getvalue()


def test_a_value_is_shown_as_python_writes_it() -> None:
    assert shown("hello%20pycon", is_json=False) == "'hello%20pycon'\n"
    assert shown({"b": 1, "a": None}, is_json=False) == "{'a': None, 'b': 1}\n"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ü", "ü"),
        (b"bytes", "bytes"),
        (b"\xff\x00", "/wA="),
        ({1: "a", b"k": (1, 2), None: True}, {"1": "a", "k": [1, 2], "null": True}),
        (msgpack.ExtType(5, b"x"), {"code": 5, "data": "x"}),
        (msgpack.Timestamp(1, 0), "Timestamp(seconds=1, nanoseconds=0)"),
        ([[{}]], [[{}]]),
        ([math.nan, math.inf, -math.inf, 1.5], ["NaN", "Infinity", "-Infinity", 1.5]),
    ],
)
def test_whatever_messagepack_brings_becomes_json(value: Any, expected: Any) -> None:
    assert json.loads(shown(value, is_json=True)) == expected


def test_each_item_of_a_stream_is_written_before_the_next_is_awaited() -> None:
    stream = io.StringIO()
    seen = []

    def items() -> Iterator[Any]:
        for number in range(3):
            seen.append(stream.getvalue())
            yield number

    write_stream(items(), Paper(stream, {}), is_json=True)
    assert seen == ["", "[0", "[0,1"]
    assert stream.getvalue() == "[0,1,2]\n"


def test_a_stream_as_text_has_an_item_a_line() -> None:
    stream = io.StringIO()
    write_stream(iter(["a", 1]), Paper(stream, {}), is_json=False)
    assert stream.getvalue() == "'a'\n1\n"


def test_an_empty_stream() -> None:
    for is_json, expected in ((True, "[]\n"), (False, "")):
        stream = io.StringIO()
        write_stream(iter([]), Paper(stream, {}), is_json=is_json)
        assert stream.getvalue() == expected


def test_a_stream_that_breaks_is_no_whole_json() -> None:
    stream = io.StringIO()

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        write_stream(items(), Paper(stream, {}), is_json=True)
    assert stream.getvalue() == "[1"


def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream:
        paper = Paper(stream, {})
        with pytest.raises(Unwritable, match="cannot write the result: No space left on device"):
            paper.line("result")


def test_what_is_said_on_a_stderr_that_fails_gets_lost() -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream:
        paper = Paper(stream, {}, may_get_lost=True)
        paper.line("first")
        paper.line("second")


@pytest.mark.parametrize("is_json", [True, False])
def test_an_answer_that_is_nested_too_deeply_is_told(is_json: bool) -> None:
    value: Any = 0
    for _ in range(100_000):
        value = [value]
    paper = Paper(io.StringIO(), {})
    with pytest.raises(Unwritable, match="nested too deeply"):
        write_value(value, paper, is_json=is_json)
    with pytest.raises(Unwritable, match="nested too deeply"):
        write_stream([value], paper, is_json=is_json)
