"""A YAML scalar as a Python value, and what to say where YAML 1.1 reads it as few people would.

Sans-IO. PyYAML decides which words are numbers and booleans (YAML 1.1 says so); this module never
guesses what was meant instead, it makes the reading visible.
"""

from __future__ import annotations

import re

import yaml
from yaml.constructor import SafeConstructor

Scalar = str | int | float | bool | None

_PREFIX = "tag:yaml.org,2002:"
# Text too: a date would become an object that no model of ours asks for, and `=` means nothing.
_TEXT = {_PREFIX + kind for kind in ("str", "timestamp", "value", "merge")}
_NUMBERS = {_PREFIX + "int": "construct_yaml_int", _PREFIX + "float": "construct_yaml_float"}
# Longer ones would take Python time that grows with the square of their length.
_NUMBER_LENGTH = 64
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_CLEAR_WORDS = {"true", "false"}


class Unreadable(ValueError):
    """A scalar that is refused whatever its key expects; the text is the reason."""


def scalar(node: yaml.ScalarNode) -> Scalar:
    """Return the value of a scalar; raises `Unreadable`."""
    text: str = node.value
    if node.tag in _TEXT:
        return text
    if node.tag == _PREFIX + "null":
        return None
    if node.tag == _PREFIX + "bool":
        return SafeConstructor.bool_values.get(text.lower(), False)
    if node.tag in _NUMBERS:
        return _number(node)
    raise Unreadable(f"the tag {node.tag.replace(_PREFIX, '!!')} is not understood")


def _number(node: yaml.ScalarNode) -> float:
    text: str = node.value
    if len(text) > _NUMBER_LENGTH:
        raise Unreadable(f"is a number of {len(text)} characters")
    try:
        number: float = getattr(SafeConstructor(), _NUMBERS[node.tag])(node)
    except (ValueError, IndexError):  # the tag was written down, the number was not
        raise Unreadable(f"is {text!r}, which is not a number") from None
    # Refused whatever the key expects: who writes 010 or 1:30 means neither 8 nor 90.
    if ":" in text:
        raise Unreadable(
            f"{text} is read as {number} (YAML counts it in sixties);"
            " put quotes around it, or write the number"
        )
    if _OCTAL.fullmatch(text):
        raise Unreadable(
            f"{text} is read as {number} (YAML takes it for octal);"
            " put quotes around it, or leave out the 0"
        )
    return number


def surprise(text: str, value: Scalar) -> str:
    """Return what to add to "should be ..." for a plain scalar that YAML took for something else.

    `text` is how it was written. Empty where the value is what everyone sees.
    """
    if isinstance(value, bool) and text.lower() not in _CLEAR_WORDS:
        return f" (YAML reads {text} as {str(value).lower()}; put quotes around it for text)"
    if isinstance(value, bool | int | float):
        return " (put quotes around it for text)"
    if value is None:
        return f" (YAML reads {text} as no value)" if text else ""
    if re.fullmatch(r"[-+]?[0-9]+[eE][-+]?[0-9]+", text):
        return " (YAML reads an exponent only with a point and a sign: 1.0e+3)"
    return ""
