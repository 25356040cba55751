"""Words of the command line as values of a call."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from zerorpc.cli.outcome import Mistake
from zerorpc.cli.parameters import values


def from_json(*words: str, stdin: str = "") -> list[Any]:
    return values(words, io.StringIO(stdin), is_json=True)


def test_words_are_text_as_they_are() -> None:
    words = ["1", '"x"', "-", "@file", "null"]
    assert values(words, io.StringIO("unread"), is_json=False) == words


def test_json_words_are_values() -> None:
    assert from_json("1", '"x"', "null", '{"a": [1.5, true]}') == [1, "x", None, {"a": [1.5, True]}]


def test_json_from_a_file_and_from_stdin(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"ü": 1}\n', encoding="utf-8")
    assert from_json(f"@{tmp_path}/a.json", "-", stdin="[1,\n2]\n") == [{"ü": 1}, [1, 2]]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("hello", 'parameter 1 is not JSON: Expecting value at column 1 of "hello"; text needs'),
        ("[1,", "Expecting value at column 4"),
        ("[1,\n2", "line 2 column 2"),
        ("", "it is empty"),
        ("@/nowhere/at/all", "(/nowhere/at/all) cannot be read: No such file or directory"),
        ("[" * 100_000, "nested too deeply"),
        ("x" * 100, '"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."'),
        ("[18446744073709551616]", "does not fit into 64 bits"),
        ('{"a": -9223372036854775809}', "does not fit into 64 bits"),
        ('"\\ud800"', "not valid Unicode"),
        ("NaN", "parameter 1 is not JSON: it has no NaN"),
        ("[-Infinity]", "it has no -Infinity"),
        ('{"a": 1e400}', "1e400 is beyond every number of 64 bits"),
        ("9" * 5000, "5000 digits"),
    ],
)
def test_what_is_no_value_is_a_mistake_in_one_line(word: str, told: str) -> None:
    with pytest.raises(Mistake) as caught:
        from_json(word)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_position_of_a_bad_word_is_told() -> None:
    with pytest.raises(Mistake, match=r"parameter 3 is not JSON"):
        from_json("1", "2", "three")


def test_stdin_serves_one_parameter() -> None:
    with pytest.raises(Mistake, match="one parameter only"):
        from_json("-", "-")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "bin").write_bytes(b"\xff\xfe")
    with pytest.raises(Mistake, match="not UTF-8"):
        from_json(f"@{tmp_path}/bin")


def test_bytes_of_the_shell_that_are_no_text() -> None:
    with pytest.raises(Mistake, match="parameter 1 is not valid Unicode"):
        values(["caf\udce9"], io.StringIO(), is_json=False)


def test_the_largest_integers_pass() -> None:
    assert from_json("18446744073709551615", "-9223372036854775808") == [2**64 - 1, -(2**63)]
