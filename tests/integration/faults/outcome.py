"""What calls end in: always one of five outcomes, and within a bound.

Anything else, or a call that does not end, fails the test that made it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import gevent

import zerorpc

VALUE = "value"
OUTCOMES = frozenset((VALUE, "RemoteError", "TimeoutExpired", "LostRemote", "ClosedError"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: `kind` is one of OUTCOMES, `seconds` is how long that took."""

    kind: str
    value: Any
    seconds: float

    def told(self) -> dict[str, Any]:
        """The same for a line of JSON."""
        value = self.value if self.kind == VALUE else str(self.value)
        return {"kind": self.kind, "value": value, "seconds": self.seconds}


def outcome_of(call: Callable[[], Any]) -> Outcome:
    """Run a call to its end; fails for an error that is none of the five outcomes."""
    began = time.monotonic()
    try:
        kind, value = VALUE, call()
    except zerorpc.ZerorpcError as error:
        kind, value = type(error).__name__, error
    if kind not in OUTCOMES:
        raise AssertionError(f"none of the five outcomes: {value!r}")
    return Outcome(kind, value, time.monotonic() - began)


class Calls:
    """Calls that run at the same time, each in a greenlet of its own."""

    def __init__(self, calls: Iterable[Callable[[], Any]]) -> None:
        self._greenlets = [gevent.spawn(outcome_of, call) for call in calls]

    @property
    def ended(self) -> int:
        """How many calls have ended."""
        return sum(greenlet.ready() for greenlet in self._greenlets)

    def so_far(self) -> list[Outcome]:
        """Return the outcomes of those that have ended."""
        return [greenlet.get() for greenlet in self._greenlets if greenlet.ready()]

    def outcomes(self, within: float) -> list[Outcome]:
        """Wait for all of them; fails when one has not ended in time."""
        gevent.joinall(self._greenlets, timeout=within)
        hanging = len(self._greenlets) - self.ended
        gevent.killall(self._greenlets)
        assert not hanging, f"{hanging} calls did not end within {within} s"
        return [greenlet.get() for greenlet in self._greenlets]


def kinds(outcomes: Iterable[Outcome]) -> Counter[str]:
    """How often each outcome came."""
    return Counter(outcome.kind for outcome in outcomes)
