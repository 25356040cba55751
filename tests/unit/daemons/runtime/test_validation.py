"""A file held against a model: every problem at once, each at its place and in plain words."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.unit.daemons.runtime.models import Dial, Mill, Queue, load, problems

SIXTIES = (
    "1:30 is read as 90 (YAML counts it in sixties); put quotes around it, or write the number"
)
NO = "false (YAML reads no as false; put quotes around it for text)"
SECRET = "a-secret-of-many-characters"


def test_a_file_without_problems_is_the_model() -> None:
    mill = load("in: [a, b]\nqueue: {max: 5}\nstones: {big: {timeout: 2}}\nout: {connect: [c]}\n")
    assert mill.in_ == ("a", "b")
    assert mill.queue == Queue(max=5)
    assert mill.stones["big"].timeout == 2.0
    assert mill.out == Dial(connect=("c",))


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
typ: wind
type: watr
queue:
  max: x
  timeut: 3
  timeout: 1:30
  max: 5
name: no
stones: {big: {mx: 3}, small: {timeout: }}
"""
    assert problems(text) == [
        "1:1: in: is required",
        "1:1: typ: unknown key; did you mean 'type'?",
        "2:7: type: should be wind or water, not 'watr'; did you mean 'water'?",
        "4:8: queue.max: should be a whole number, not 'x'",
        "5:3: queue.timeut: unknown key; did you mean 'timeout'?",
        f"6:12: queue.timeout: {SIXTIES}",
        "7:3: queue.max: the key is repeated, it stands already in line 4",
        f"8:7: name: should be text, not {NO}",
        "9:16: stones.big.mx: unknown key; did you mean 'max'?",
        "9:40: stones.small.timeout: should be a number, not nothing",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("name: 1.10", "name: should be text, not 1.1 (put quotes around it for text)"),
        ("name: ~", "name: should be text, not nothing (YAML reads ~ as no value)"),
        ("name: [x]", "name: should be text, not a list"),
        ("is_fine: 'yes'", "is_fine: should be true or false, not 'yes'"),
        ("is_fine: 1", "is_fine: should be true or false, not 1"),
        ("queue: 5", "queue: should be a mapping, not 5"),
        ("queue: {max: yes}", "queue.max: should be a whole number, not true"),
        ("queue: {max: 1.5}", "queue.max: should be a whole number, not 1.5"),
        ("queue: {max: 0}", "queue.max: should be greater than or equal to 1, not 0"),
        ("queue: {max: 1e3}", "1e3' (YAML reads an exponent only with a point and a sign: 1.0e+3)"),
        ("queue: {timeout: .inf}", "queue.timeout: should be a finite number, not inf"),
        ("queue: {timeout: -1}", "queue.timeout: should be greater than or equal to 0, not -1"),
        ("queue: {timeout: 3 parsecs}", "the unit 'parsecs' is none of ms, s, m, min, h, d"),
        ("limit: soon", "limit: should be a number, or text such as `1B` or `1kB` or `1MB`"),
        ("limit: 1.2345 kB", "limit: should be a whole number of bytes"),
        ("out: [1]", "out: should be text or a mapping, not a list"),
        ("out: {connect: [a, 2]}", "out.connect[1]: should be text, not 2"),
        ("out: {conect: [a]}", "out.conect: unknown key; did you mean 'connect'?"),
        ("out: [{conect: [a]}]", "out: should be text or a mapping, not a list"),
        ("stones: {a: 1}", "stones.a: should be a mapping, not 1"),
        (f"name: [{'x' * 99}]\nin: {{{'x' * 99}: 1}}", "name: should be text, not a list"),
        (f"type: {'x' * 99}", f"should be wind or water, not '{'x' * 36}..."),
        ("admin: {bind: 1}", "admin.bind: should be text, not 1"),
        ("admin: {bind: localhost}", "admin.bind: should be HOST:PORT, such as 127.0.0.1:9470"),
        ("admin: {bind: 'a:70000'}", "admin.bind: the port '70000' should be a number up to"),
    ],
)
def test_reasons_say_what_should_be_there(line: str, problem: str) -> None:
    found = problems(line if "in: {" in line else f"in: x\n{line}")
    assert any(problem in each for each in found), found


def test_a_list_with_one_bad_item_is_a_list_with_one_bad_item() -> None:
    assert problems("in: [a, 1]\n") == [
        "1:9: in[1]: should be text, not 1 (put quotes around it for text)"
    ]


def test_a_model_can_tell_a_problem_at_a_key() -> None:
    text = "in: x\ntype: water\nqueue:\n  max: 2000\n"
    assert problems(text) == ["4:3: queue.max: a water mill has room for 1000"]


def test_rules_tell_everything_beside_what_else_is_wrong() -> None:
    text = """\
type: water
quue: {}
queue: {max: 2000, timeout: x}
is_fine: true
stones: {none: {mx: 3}, big: x}
admin: {bind: '*:1', tken: x, token_file: [x]}
"""
    assert problems(text) == [
        "1:1: in: is required",
        "2:1: quue: unknown key; did you mean 'queue'?",
        "3:29: queue.timeout: should be a number, or text such as `1ms` or `1s` or `1m`",
        "3:9: queue.max: a water mill has room for 1000",
        "4:1: is_fine: water is never fine",
        "5:17: stones.none.mx: unknown key; did you mean 'max'?",
        "5:30: stones.big: should be a mapping, not 'x'",
        "5:10: stones.none: is no stone",
        "6:43: admin.token_file: should be a path, not a list",
        "6:22: admin.tken: unknown key; did you mean 'token'?",
        "6:31: admin.token_file: there is a `token` already",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "in: x\ntype: watr\nqueue: {max: 2000}\n",
        "in: x\ntpe: water\nqueue: {max: 2000}\n",
        "in: x\ntype: water\nqueue: {max: x}\n",
        "in: x\ntype: water\nqueue: 2000\n",
        "in: x\nstones: [none]\n",
        "in: x\nadmin: {bind: x}\n",
        "in: x\nadmin: {bind: '*:1', tokn: 0123456789012345}\n",
        "in: x\nadmin: {bind: !x y}\n",
        "inn: x\n",
        "in: x\nout: {conect: [a]}\n",
    ],
)
def test_no_problem_is_told_that_only_comes_of_another(text: str) -> None:
    assert len(problems(text)) == 1


def test_a_section_that_is_made_by_itself_holds_its_rules_too() -> None:
    with pytest.raises(ValidationError, match="a water mill has room for 1000"):
        Mill.model_validate({"in": "x", "type": "water", "queue": {"max": 2000}})


@pytest.mark.parametrize("token", [SECRET[:5], "12345678901234567", "[x]", f"{SECRET} ü"])
def test_secrets_are_not_told(token: str) -> None:
    (problem,) = problems(f"in: x\nadmin: {{token: {token}}}\n")
    assert token not in problem
    assert "2:16: admin.token: should " in problem


@pytest.mark.parametrize("blank", [" ", "\\n", "\\t", "ü", "€", "\\x7f"])
def test_a_token_can_be_sent_by_every_client(blank: str) -> None:
    for token in (f"{blank}{SECRET}", f"{SECRET}{blank}", f"{SECRET}{blank}{SECRET}"):
        (problem,) = problems(f'in: x\nadmin: {{token: "{token}"}}\n')
        assert problem == "2:16: admin.token: should be printable ASCII without blanks"


@pytest.mark.parametrize(
    ("admin", "problem"),
    [
        ("bind: '*:9470'", "admin.bind: others than this machine can connect: give a token"),
        ("bind: '[::]:9470'", "admin.bind: others than this machine can connect: give a token"),
        (f"token: {SECRET}, token_file: x", "admin.token_file: there is a `token` already"),
        ("bind: '[::1]:1'", None),
        (f"bind: '*:9470', token: {SECRET}", None),
        ("bind: 'localhost:9470'", None),
        ("bind: null", None),
    ],
)
def test_an_admin_port_for_others_needs_a_token(admin: str, problem: str | None) -> None:
    found = problems(f"in: x\nadmin: {{{admin}}}\n")
    assert any(problem in each for each in found) if problem else not found


@pytest.mark.parametrize(
    ("text", "seconds"), [("5", 5), ("500ms", 0.5), ("1.5 s", 1.5), ("2m", 120), ("1h", 3600)]
)
def test_durations_are_seconds_or_have_a_unit(text: str, seconds: float) -> None:
    assert load(f"in: x\nqueue: {{timeout: {text}}}\n").queue.timeout == seconds


@pytest.mark.parametrize(("text", "size_bytes"), [("7", 7), ("64KiB", 65536), ("1.5 MB", 1500000)])
def test_sizes_are_bytes_or_have_a_unit(text: str, size_bytes: int) -> None:
    assert load(f"in: x\nlimit: {text}\n").limit == size_bytes
