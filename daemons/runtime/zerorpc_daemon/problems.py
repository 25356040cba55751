"""What is wrong with a configuration: every problem at once, each with its place.

Sans-IO. It must not know YAML or the models: whoever finds a problem says where it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, both counted from 1 as editors do; line 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return what editors and terminals take for a link."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: the `key` is a path such as `queue.max`, empty for the whole file."""

    place: Place
    key: str
    reason: str

    def __str__(self) -> str:
        """Return one line, whatever the file put into the key."""
        words = (str(self.place), self.key, self.reason) if self.key else (self.place, self.reason)
        return ": ".join(_printable(str(word)) for word in words)


class ConfigError(Exception):
    """A configuration cannot be used; `problems` holds all that was found, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        # By lines, as one corrects a file from top to bottom; those found together stay together.
        self.problems = tuple(sorted(problems, key=lambda each: each.place.line))
        super().__init__("\n".join(map(str, self.problems)))

    @classmethod
    def of_file(cls, file: str, reason: str, line: int = 0, column: int = 0) -> ConfigError:
        """Return an error with a single problem, that of a file which could not be looked into."""
        return cls([Problem(Place(file, line, column), "", reason)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return what to append to a reason when `word` is probably one of the `known` misspelt."""
    meant = closest(word, known)
    return "" if meant is None else f"; did you mean {meant!r}?"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return which of the `known` a word is probably meant to be, None where it is like none."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return close[0] if close else None


def one_line(error: BaseException | None) -> str:
    """Return what went wrong as a user should read it."""
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    return str(error) or type(error).__name__


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
