"""How long a caller waits, as `deadline_ms` in the header of its call says it. Sans-IO."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

_FOR_EVER_MS = 10**15


def in_milliseconds(seconds: float) -> int:
    """Return for how long a caller will wait, as the header says it."""
    # Up, or the server's deadline would pass before the caller's, and its ERR be the answer.
    return ceil(seconds * 1000)


def time_left(header: Mapping[Any, Any]) -> float | None:
    """Return for how many seconds the caller will wait, None where a header does not tell."""
    left_ms = header.get("deadline_ms")
    # As long as that is for ever, and would fit in no integer of the calls that inherit it.
    return left_ms / 1000 if type(left_ms) is int and 0 <= left_ms < _FOR_EVER_MS else None
