"""The parameters of a call: words from the command line turned into values.

With `-j` each word is JSON, read from a file for `@FILE` and from stdin for `-`; otherwise the
words are the values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import IO, Any, NoReturn

from .outcome import Mistake, quoted

# MessagePack's integers have 64 bits, with a sign or without.
_INTEGER_MIN = -(2**63)
_INTEGER_MAX = 2**64 - 1
# How much of a bad word an error line repeats.
_EXCERPT_MAX = 40


def values(words: Sequence[str], stdin: IO[str], *, is_json: bool) -> list[Any]:
    """The values to send; Mistake says which word cannot be one and why."""
    # The second reader would find it at its end, and complain of empty text.
    if is_json and list(words).count("-") > 1:
        raise Mistake("stdin (-) can be read for one parameter only")
    found = []
    for position, word in enumerate(words, 1):
        what = f"parameter {position}"
        value = _from_json(word, what, stdin) if is_json else word
        # Here, where the position is known; the codec could only name the value.
        _check(value, what)
        found.append(value)
    return found


def _from_json(word: str, what: str, stdin: IO[str]) -> Any:
    text = word
    try:
        # The message names the source, in which a column number makes sense.
        if word == "-":
            what += " (stdin)"
            text = stdin.read()
        elif word.startswith("@"):
            what += f" ({word[1:]})"
            with open(word[1:], encoding="utf-8") as file:
                text = file.read()
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except OSError as error:
        raise Mistake(f"{what} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Mistake(f"{what} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise Mistake(f"{what} is not JSON: {_explain(error, text)}") from error
    except ValueError as error:  # ours, or Python's about an integer of 5000 digits
        raise Mistake(f"{what} is not JSON: {error}") from error
    except RecursionError as error:
        raise Mistake(f"{what} is nested too deeply") from error


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"it has no {text}")


def _finite(text: str) -> float:
    number = float(text)
    # Python reads `1e400` as infinite without a word.
    if math.isinf(number):
        raise ValueError(f"{text:.{_EXCERPT_MAX}} is beyond every number of 64 bits")
    return number


def _explain(error: json.JSONDecodeError, text: str) -> str:
    if not text.strip():
        return "it is empty"
    place = f"line {error.lineno} column {error.colno}" if "\n" in text else f"column {error.colno}"
    excerpt = text if len(text) <= _EXCERPT_MAX else f"{text[: _EXCERPT_MAX - 3]}..."
    # The commonest slip by far: the shell has eaten the quotes, or they were never written.
    hint = f"; text needs quotes of its own: '{json.dumps(text)}'" if text.isalnum() else ""
    return f"{error.msg} at {place} of {quoted(excerpt)}{hint}"


def _check(value: Any, what: str) -> None:
    """Refuse what MessagePack cannot carry; walks without recursion, nesting costs no stack."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            _check_text(part, what)
        elif isinstance(part, dict):
            pending.extend(part)
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, int) and not _INTEGER_MIN <= part <= _INTEGER_MAX:
            raise Mistake(f"{what}: {part} does not fit into 64 bits; send it as text")


def _check_text(text: str, what: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Mistake(f"{what} is not valid Unicode") from error
