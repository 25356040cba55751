"""Problems are told all at once, one line each, where an editor finds them."""

from __future__ import annotations

from zerorpc_daemon.problems import ConfigError, Place, Problem, did_you_mean


def test_a_problem_is_file_line_column_key_reason() -> None:
    problem = Problem(Place("foo.yml", 3, 5), "queue.max", "should be a whole number")
    assert str(problem) == "foo.yml:3:5: queue.max: should be a whole number"


def test_what_has_no_place_or_key_leaves_them_out() -> None:
    assert str(ConfigError.of_file("foo.yml", "is empty")) == "foo.yml: is empty"


def test_problems_come_in_the_order_of_the_file() -> None:
    late, early = (Problem(Place("a", line, 1), "k", "r") for line in (9, 2))
    error = ConfigError([late, early])
    assert error.problems == (early, late)
    assert str(error) == "a:2:1: k: r\na:9:1: k: r"


def test_a_key_cannot_break_the_line_or_speak_to_the_terminal() -> None:
    assert str(Problem(Place("a", 1, 1), "x\n\x1b[2J", "r")) == r"a:1:1: x\n\x1b[2J: r"


def test_a_near_miss_is_suggested_and_a_far_one_is_not() -> None:
    assert did_you_mean("balnce", ["queue", "balance"]) == "; did you mean 'balance'?"
    assert did_you_mean("zzz", ["queue", "balance"]) == ""
