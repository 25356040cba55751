"""What the settings of a section have to do with each other, told of whatever is known of them.

Sans-IO. pydantic runs a model's validator only where all below it is right, and takes one problem
from it. Rules find any number, and run on sections of which some parts are wrong as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

Fault = tuple[str, str]
"""A key of the section, such as `queue.max` (empty: the section itself), and a reason."""

Rule = TypeVar("Rule", bound=Callable[..., Iterable[Fault]])

# The context of a validation whose caller asks the rules itself, afterwards and with the places.
ASKED_LATER = {"rules": "asked later"}
_MARK = "_is_rule"


class _Unknown:
    """What stands where something is given that cannot be used: true, and equal to nothing."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Any = _Unknown()


def rule(function: Rule) -> Rule:
    """Make a method of a section a rule: it yields what is wrong as pairs of key and reason.

    Some parts of the section may be `UNKNOWN`, told already. That ends a rule where it compares or
    takes apart such a value, which is as well; where it still has others to look at, it asks
    `is_known` first.
    """
    setattr(function, _MARK, True)
    return function


def is_known(value: object) -> bool:
    """Tell whether a value is one that can be used."""
    return value is not UNKNOWN


def broken(section: object) -> Iterator[Fault]:
    """Yield what is wrong with a section of which everything is known."""
    for each in _rules_of(type(section)):
        yield from each(section)


def surely_broken(section: object) -> Iterator[Fault]:
    """Yield what is wrong with a section, whatever its unknown parts turn out to be."""
    for each in _rules_of(type(section)):
        try:
            yield from each(section)
        except (TypeError, AttributeError):
            # What Python and C functions say to a value that is nothing at all.
            continue


def _rules_of(model: type) -> Iterator[Callable[..., Iterable[Fault]]]:
    # From the bases down, so that a subclass may replace one by its name.
    found: dict[str, Any] = {}
    for each in reversed(model.__mro__):
        found.update(vars(each))
    return (each for each in found.values() if getattr(each, _MARK, False) is True)
