"""For every file: an instance or problems, never anything else; and what is dumped reads back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.daemons.runtime.models import Mill
from zerorpc_daemon.document import parse
from zerorpc_daemon.dumping import dump
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.validation import validate

WORDS = ["in", "out", "queue", "max", "timeout", "stones", "name", "admin", "bind", "log", "on"]
WORDS += ["no", "010", "1:30", "1e3", "~", ".nan", "2012-03-09", "=", "<<", "5s", "[::]:1", "x"]
MARKS = [
    ": ",
    "\n",
    "\n  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "&a ",
    "*a",
    "'",
    '"',
    "#",
    "|\n",
    "? ",
]
MARKS += ["!!int ", "!x ", "%", "\t", "---\n", "\x00", "\ufeff", "é"]

texts = st.lists(st.sampled_from(WORDS + MARKS), max_size=40).map("".join) | st.text(max_size=60)
plain = st.text(max_size=8, alphabet="abn0o1:~e.+-_ \n\"'#")
# A mill has no stone of that name.
stones = plain.filter(lambda name: name != "none")
queues = st.fixed_dictionaries({}, optional={"max": st.integers(1, 9), "timeout": st.floats(0, 9)})
mills = st.fixed_dictionaries(
    {"in": plain | st.lists(plain, max_size=3)},
    optional={
        "name": plain,
        "queue": queues,
        "stones": st.dictionaries(stones, queues, max_size=3),
    },
)


def problems_of(text: str) -> list[str] | None:
    try:
        validate(parse(text, "f"), Mill)
    except ConfigError as error:
        return [str(each) for each in error.problems]
    return None


@given(texts)
def test_any_text_is_an_instance_or_problems_of_one_line(text: str) -> None:
    problems = problems_of(text)
    assert problems is None or problems
    assert all("\n" not in each for each in problems or ())


@given(mills)
def test_what_is_dumped_reads_back(values: dict[str, Any]) -> None:
    mill = Mill.model_validate(values)
    assert validate(parse(dump(mill), "f"), Mill) == mill
