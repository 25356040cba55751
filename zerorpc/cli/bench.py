"""Measuring a service: one call repeated, its rate and latencies summed up."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gevent

from zerorpc.errors import RemoteError, ZerorpcError

from .outcome import Exit, ending
from .output import Paper, write_value

# Below the median a service is as fast as it can be; what users complain of is the tail.
_PERCENTILES = (50, 90, 99)


class Measurement:
    """What was seen: a latency in seconds per call that succeeded, failures by their name."""

    def __init__(self) -> None:
        # Every one is kept, at 32 bytes: a histogram would round, and minutes at full speed fit.
        self.latencies: list[float] = []
        self.failures: Counter[str] = Counter()
        self.items = 0
        self.seconds = 0.0
        self.has_remote_error = False
        self.is_interrupted = False

    @property
    def status(self) -> Exit:
        """How the program ends after this: as badly as its worst call."""
        if self.is_interrupted:
            return Exit.INTERRUPTED
        if not self.failures:
            return Exit.OK
        return Exit.REMOTE_ERROR if self.has_remote_error else Exit.UNREACHABLE


def measure(
    call: Callable[[], Any], *, repeat: int | None, seconds: float | None, concurrency: int | None
) -> Measurement:
    """Call `repeat` times or for `seconds`, that many in flight at a time.

    Without `concurrency`, all of `repeat` calls are made at once, those of `seconds` in turn.
    """
    measurement = Measurement()
    started = time.perf_counter()
    # One supply for all workers: the slow ones do not hold back the total.
    turns = iter(range(repeat)) if repeat is not None else _until(started + (seconds or 0.0))
    workers = min(concurrency or repeat or 1, repeat or math.inf)
    greenlets = [gevent.spawn(_work, call, turns, measurement) for _ in range(int(workers))]
    try:
        gevent.joinall(greenlets, raise_error=True)
    except KeyboardInterrupt:
        # Who has seen enough wants the figures so far; calls under way are no part of them.
        measurement.is_interrupted = True
        gevent.killall(greenlets)
    measurement.seconds = time.perf_counter() - started
    return measurement


def consume(result: Any) -> int:
    """Read a stream to its end and return the number of its items; nothing to do for a value."""
    return sum(1 for _ in result) if isinstance(result, Iterator) else 0


def report(measurement: Measurement, paper: Paper, *, is_json: bool) -> None:
    """Print the summary: aligned for a terminal, `name value` lines or JSON for programs."""
    summary = summarize(measurement)
    if is_json:
        write_value(summary, paper, is_json=True)
    else:
        paper.table((name, _shown(value)) for name, value in summary.items())


def summarize(measurement: Measurement) -> dict[str, int | float]:
    """The figures, in the order in which they are printed."""
    ordered = sorted(measurement.latencies)
    # Nothing measured is a rate of 0.
    seconds = measurement.seconds or math.inf
    summary: dict[str, int | float] = {
        "calls": len(ordered),
        "failed": measurement.failures.total(),
        "seconds": measurement.seconds,
        "calls_per_second": len(ordered) / seconds,
    }
    if measurement.items:
        summary["items_per_second"] = measurement.items / seconds
    if ordered:
        summary["mean_ms"] = sum(ordered) / len(ordered) * 1000
        summary["min_ms"] = ordered[0] * 1000
        for percent in _PERCENTILES:
            summary[f"p{percent}_ms"] = percentile(ordered, percent) * 1000
        summary["max_ms"] = ordered[-1] * 1000
    return summary


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The least value that `percent` of the values do not exceed (nearest rank)."""
    # No interpolation: between two values may lie a gap in which no call ever was.
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _until(end: float) -> Iterator[int]:
    turn = 0
    while time.perf_counter() < end:
        yield turn
        turn += 1


def _work(call: Callable[[], Any], turns: Iterator[int], measurement: Measurement) -> None:
    clock = time.perf_counter
    for _ in turns:
        started = clock()
        try:
            measurement.items += consume(call())
        # Failures are counted and not timed: a refusal in a microsecond is no good latency.
        except RemoteError as error:
            measurement.has_remote_error |= ending(error)[0] is Exit.REMOTE_ERROR
            measurement.failures[error.name] += 1
        except ZerorpcError as error:
            measurement.failures[type(error).__name__] += 1
        else:
            measurement.latencies.append(clock() - started)


def _shown(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    # Four digits tell more than any two measurements agree in.
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
