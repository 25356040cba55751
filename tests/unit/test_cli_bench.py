"""Repeated calls and the figures made of them; nothing here waits."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import gevent
import pytest

from zerorpc.cli.bench import Measurement, measure, percentile, report, summarize
from zerorpc.cli.outcome import Exit
from zerorpc.cli.output import Paper
from zerorpc.errors import LostRemote, RemoteError


def test_a_number_of_calls() -> None:
    numbers = count()
    measurement = measure(lambda: next(numbers), repeat=7, seconds=None, concurrency=3)
    assert next(numbers) == 7
    assert len(measurement.latencies) == 7
    assert measurement.status is Exit.OK


@pytest.mark.parametrize(("concurrency", "at_once"), [(None, 5), (2, 2), (50, 5)])
def test_calls_in_flight(concurrency: int | None, at_once: int) -> None:
    running, most = 0, 0

    def call() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        gevent.idle()
        running -= 1

    measure(call, repeat=5, seconds=None, concurrency=concurrency)
    assert most == at_once


def test_calls_for_a_time() -> None:
    measurement = measure(gevent.idle, repeat=None, seconds=0.01, concurrency=None)
    assert measurement.seconds >= 0.01
    assert len(measurement.latencies) >= 1


def test_items_of_streams_are_counted() -> None:
    def call() -> Iterator[int]:
        return iter(range(10))

    assert measure(call, repeat=3, seconds=None, concurrency=None).items == 30


def raising(*errors: Exception) -> Measurement:
    pending = list(errors)

    def call() -> Any:
        raise pending.pop()

    return measure(call, repeat=len(errors), seconds=None, concurrency=1)


def test_failures_are_counted_by_name_and_decide_the_status() -> None:
    lost = raising(LostRemote("gone"), LostRemote("gone"))
    assert lost.failures == {"LostRemote": 2}
    assert lost.status is Exit.UNREACHABLE
    refused = raising(RemoteError("Draining", "stopping", None))
    assert refused.status is Exit.UNREACHABLE
    both = raising(LostRemote("gone"), RemoteError("ValueError", "bad", None))
    assert both.failures == {"LostRemote": 1, "ValueError": 1}
    assert both.status is Exit.REMOTE_ERROR


def test_percentiles_are_values_that_occurred() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert [percentile(ordered, p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7
    assert percentile([1.0, 2.0], 50) == 1


def example() -> Measurement:
    measurement = Measurement()
    measurement.latencies += [0.002, 0.001, 0.003, 0.002]
    measurement.seconds = 0.5
    return measurement


def test_a_summary() -> None:
    assert summarize(example()) == {
        "calls": 4,
        "failed": 0,
        "seconds": 0.5,
        "calls_per_second": 8,
        "mean_ms": 2,
        "min_ms": 1,
        "p50_ms": 2,
        "p90_ms": 3,
        "p99_ms": 3,
        "max_ms": 3,
    }


def test_a_summary_of_streams_has_items() -> None:
    measurement = example()
    measurement.items = 100
    assert summarize(measurement)["items_per_second"] == 200


def test_a_summary_of_nothing() -> None:
    assert summarize(Measurement()) == {
        "calls": 0,
        "failed": 0,
        "seconds": 0,
        "calls_per_second": 0,
    }


def test_a_report() -> None:
    stream = io.StringIO()
    report(example(), Paper(stream, {}), is_json=False)
    assert stream.getvalue().splitlines()[:5] == [
        "calls 4",
        "failed 0",
        "seconds 0.5",
        "calls_per_second 8",
        "mean_ms 2",
    ]


def test_a_report_as_json() -> None:
    stream = io.StringIO()
    report(example(), Paper(stream, {}), is_json=True)
    assert json.loads(stream.getvalue())["calls"] == 4
