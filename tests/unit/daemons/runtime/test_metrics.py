"""What is gathered for a scrape is gathered at once, and formed where it holds up nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from zerorpc_daemon.admin import Answer, Request
from zerorpc_daemon.metrics import Metrics

ABOUT = {
    "name": "mill",
    "version": "1",
    "is_ready": True,
    "loop_lag_s": {"latest": 0.0, "worst": 0.0},
    "reloads": {},
    "log": {},
}


def test_only_what_is_formed_happens_elsewhere() -> None:
    happened: list[str] = []

    def more() -> Iterable[Metric]:
        happened.append("gathered")

        def form() -> Iterable[Metric]:
            happened.append("formed")
            yield GaugeMetricFamily("jobs", "Jobs.", value=3)

        return form()

    def aside(functor: Callable[..., Any], *args: Any) -> Any:
        happened.append("aside")
        return functor(*args)

    answer = Metrics(lambda: dict(ABOUT), more, aside).answer(Request("GET", "/metrics"))
    assert happened == ["gathered", "aside", "formed"]
    assert b"\njobs 3.0\n" in answer.body


def test_what_nobody_reads_with_his_eyes_is_not_indented() -> None:
    assert Answer.of({"a": [1]}).body == b'{\n "a": [\n  1\n ]\n}\n'
    assert b"\n " not in Answer.of({"a": [1] * 50_000}).body
