"""What may be given for seconds, counts and topics; who gives anything else is told so.

Pure. Found out where it is given, by name: a NaN that only some comparison meets later, in a timer
or in the watchdog's thread, would stop what all others share.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isnan
from typing import Any

# Seconds that mean no limit: a deadline of more milliseconds than this fits in no integer.
FOR_EVER = 1e12
# What every peer can count to: it is node's limit, and MessagePack goes not much further.
MOST_COUNTED = 2**53


def check_timeout(name: str, value: Any, *, is_computed: bool = False) -> float | None:
    """Return a limit in seconds, None where there is none.

    One that `is_computed`, from a deadline perhaps, may be negative: the time is over then.
    """
    if value is None:
        return None
    seconds = _number(name, value, "seconds, or None for no limit")
    if seconds < 0 and not is_computed:
        raise ValueError(f"{name}={value!r}: should not be negative; None means no limit")
    return None if seconds >= FOR_EVER else seconds


def check_heartbeat(value: Any) -> float | None:
    """Return a heartbeat's interval in seconds, None where there is no heartbeat."""
    if value is None:
        return None
    seconds = _number("heartbeat", value, "seconds, or None for no heartbeat")
    if not 0 <= seconds < FOR_EVER:
        raise ValueError(f"heartbeat={value!r}: should be positive and finite; None means none")
    return seconds or None


def check_grace(value: Any) -> float:
    """Return how many seconds to wait for what runs; infinite is fine, but no timer's business."""
    seconds = _number("grace", value, "seconds")
    if seconds < 0:
        raise ValueError(f"grace={value!r}: should not be negative; 0 means not to wait")
    return min(seconds, FOR_EVER)


def check_count(name: str, value: Any, most: int | None = None) -> int | None:
    """Return a number of things, at most so many; None where there is no bound."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: should be a whole number, or None")
    if value < 1:
        raise ValueError(f"{name}={value!r}: should be at least 1; None means no bound of its own")
    if most is not None and value > most:
        raise ValueError(f"{name}={value!r}: should be at most {most}; None means no bound")
    return value


def check_topics(value: Any) -> tuple[str, ...] | None:
    """Return the beginnings of the names of the wanted methods, None where all are wanted."""
    if value is None:
        return None
    # One text is a sequence of texts as well, each of one letter.
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise TypeError(f"topics={value!r}: should be a list of texts")
    topics = tuple(value)
    for topic in topics:
        if not isinstance(topic, str):
            raise TypeError(f"topics: {topic!r} should be a text, as names are")
    return topics


def _number(name: str, value: Any, meaning: str) -> float:
    # A bool is a number to Python, but who writes `timeout=True` means something else.
    if not hasattr(value, "__float__") or isinstance(value, bool):
        raise TypeError(f"{name}={value!r}: should be a number of {meaning}")
    # An int stays one: errors tell users the number that they gave.
    seconds = value if type(value) is int else float(value)
    if type(seconds) is float and isnan(seconds):
        raise ValueError(f"{name}={value!r}: should be a number of {meaning}")
    return seconds or 0  # and not -0.0
