"""YAML as text becomes values with places; what no one can mean is refused before it costs."""

from __future__ import annotations

import pytest

from zerorpc_daemon.document import MOST_VALUES, dotted, parse, position
from zerorpc_daemon.problems import ConfigError, Place

BOMB = "a: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"b{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 9)}]\n" for each in range(1, 12)
)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    (problem,) = caught.value.problems
    return str(problem)


def found(text: str) -> list[str]:
    return [str(each) for each in parse(text, "f").problems]


def test_values_know_where_they_and_their_keys_stand() -> None:
    document = parse("a: 1\nb:\n  - x\n  - {c: 'y'}\n", "f")
    assert document.value == {"a": 1, "b": ["x", {"c": "y"}]}
    entry = document.entries["b", 1, "c"]
    assert (entry.key, entry.value) == (Place("f", 4, 6), Place("f", 4, 9))
    assert (document.entries["a",].text, entry.text) == ("1", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f: is empty"),
        ("# only a comment\n", "f: is empty"),
        ("- a\n", "f:1:1: should be a mapping, of lines such as `key: value`"),
        ("a:\n\tb: 1\n", "f:2:1: a tab; YAML is indented with spaces"),
        ("a: b: c\n", "f:1:5: mapping values are not allowed here"),
        ("a: *x\n", "f:1:4: found undefined alias 'x'"),
        ("a: 1\nb: 'x\x07'\n", r"f:2:6: the character '\x07' is not allowed in YAML"),
        ("a: 1\n---\nb: 1\n", "f:2:1: expected a single document in the stream but found ..."),
        ("a: {}}\n", "f:1:6: expected <block end>, but found '}' (while parsing a block mapping)"),
    ],
)  # fmt: skip
def test_what_is_no_document_is_one_clear_line(text: str, problem: str) -> None:
    assert refusal(text).startswith(problem.removesuffix("..."))


def test_a_repeated_key_is_told_with_its_first_line_and_the_first_counts() -> None:
    assert found("a: 1\nb: 2\na: 3\n") == [
        "f:3:1: a: the key is repeated, it stands already in line 1"
    ]
    assert parse("a: 1\na: 3\n", "f").value == {"a": 1}


def test_keys_are_what_is_written_whatever_yaml_makes_of_them() -> None:
    assert parse("on: 1\nno: 2\n010: 3\n", "f").value == {"on": 1, "no": 2, "010": 3}


@pytest.mark.parametrize(
    ("word", "is_read_as"), [("1:30", "90"), ("010", "8"), ("-0_7", "-7"), ("1:30.5", "90.5")]
)
def test_numbers_that_nobody_means_are_refused(word: str, is_read_as: str) -> None:
    (problem,) = found(f"a: {word}\n")
    assert problem.startswith(f"f:1:4: a: {word} is read as {is_read_as} (YAML ")
    assert found(f"a: '{word}'\n") == []


@pytest.mark.parametrize("word", ["0", "10", "0x1F", "1_000", "-1.5e+3", "0.5"])
def test_other_numbers_are_numbers(word: str) -> None:
    assert isinstance(parse(f"a: {word}\n", "f").value["a"], int | float)


@pytest.mark.parametrize("word", ["2012-03-09", "=", "0o10", "1e3"])
def test_other_words_are_text(word: str) -> None:
    assert parse(f"a: {word}\n", "f").value == {"a": word}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!python/object:os.system x", "f:1:4: a: the tag !!python/object:os.system is not"),
        ("a: !mine x", "f:1:4: a: the tag !mine is not understood"),
        ("a: !!int x", "f:1:4: a: is 'x', which is not a number"),
        ("a: !!int ", "f:1:4: a: is '', which is not a number"),
        ("a: " + "1" * 5000, "f:1:4: a: is a number of 5000 characters"),
        ("<<: {b: 1}", "f:1:1: <<: keys are not merged here, write them out"),
        ("? [a]\n: 1", "f:1:3: a key should be text"),
        ("{{ a }}: 1", "f:1:1: a key should be text"),
    ],
)
def test_what_yaml_can_do_and_a_configuration_should_not(text: str, problem: str) -> None:
    assert found(text)[0].startswith(problem)


def test_nesting_is_bounded() -> None:
    assert refusal("a: " + "[" * 50_000) == "f:1:35: nested more than 32 levels deep"


def test_the_number_of_values_is_bounded() -> None:
    text = "a: [" + "1, " * MOST_VALUES + "]"
    assert refusal(text).endswith(f"the file holds more than {MOST_VALUES} values")


def test_aliases_repeat_values_but_are_no_bomb() -> None:
    assert parse("a: &x {b: 1}\nc: *x\n", "f").value == {"a": {"b": 1}, "c": {"b": 1}}
    assert f"with its aliases the file holds more than {MOST_VALUES} values" in refusal(BOMB)


def test_an_alias_within_itself_ends() -> None:
    assert "nested more than 32 levels deep" in refusal("a: &x [*x]\n")


def test_paths_and_positions_read_as_in_an_editor() -> None:
    assert dotted(("hubs", "a", "in", 0)) == "hubs.a.in[0]"
    assert position("ab\ncd", 4) == (2, 2)
    assert position(b"", 0) == (1, 1)
