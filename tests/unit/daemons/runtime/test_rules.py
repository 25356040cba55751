"""Rules run on whatever is known, end where they meet what is not, and may be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from zerorpc_daemon.rules import UNKNOWN, Fault, broken, is_known, rule, surely_broken


@dataclass
class Box:
    """What has two rules, the first of which compares and the second looks for itself."""

    width: Any
    height: Any

    @rule
    def _is_wide(self) -> Iterator[Fault]:
        if self.width < self.height:
            yield "width", "is too narrow"

    @rule
    def _is_there(self) -> Iterator[Fault]:
        if not is_known(self.height):
            yield "height", "is unknown"


class Tower(Box):
    """What may be narrow."""

    @rule
    def _is_wide(self) -> Iterator[Fault]:
        yield from ()


def test_a_rule_ends_where_it_meets_what_is_unknown_and_the_others_go_on() -> None:
    assert list(surely_broken(Box(1, UNKNOWN))) == [("height", "is unknown")]
    assert list(surely_broken(Box(1, 2))) == [("width", "is too narrow")]


def test_a_rule_that_fails_on_what_is_known_is_a_mistake_of_its_author() -> None:
    with pytest.raises(TypeError):
        list(broken(Box(1, "x")))


def test_a_subclass_replaces_a_rule_by_its_name() -> None:
    assert list(broken(Box(1, 2))) == [("width", "is too narrow")]
    assert list(broken(Tower(1, 2))) == []


def test_what_is_unknown_counts_as_given() -> None:
    assert UNKNOWN
    assert UNKNOWN != 0
