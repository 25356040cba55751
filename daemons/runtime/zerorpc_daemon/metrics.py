"""`/metrics`: what all daemons tell Prometheus, beside what the daemon's own part tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from zerorpc_daemon.admin import Answer, Request

Statistics = Callable[[], dict[str, Any]]
Aside = Callable[..., Any]


class Metrics:
    """Answers scrapes from the daemon's `/stats` and from `more`, which returns metrics.

    `aside` runs a function where it holds up nobody: to write out a thousand rows takes a second.
    """

    def __init__(
        self, statistics: Statistics, more: Callable[[], Iterable[Metric]], aside: Aside
    ) -> None:
        self._statistics = statistics
        self._more = more
        self._aside = aside
        self._process = ProcessCollector(registry=None)

    def answer(self, request: Request) -> Answer:
        """Metrics in the format of Prometheus, or of OpenMetrics where that is asked for."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        registry = CollectorRegistry()
        registry.register(self._process)
        # Gathered here, where nothing changes meanwhile; formed and written out elsewhere.
        registry.register(_Gathered(self._statistics(), self._more()))
        return Answer(200, self._aside(encode, registry), content_type)


class _Gathered(Collector):
    """What was gathered for one scrape."""

    def __init__(self, about: dict[str, Any], more: Iterable[Metric]) -> None:
        self._about, self._more = about, more

    def describe(self) -> list[Metric]:
        """Return nothing: what there is shows when it is asked for, and the names are ours."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what all daemons have, then the daemon's own."""
        about = self._about
        info = InfoMetricFamily("zerorpc_daemon", "Which daemon this is, and which release.")
        info.add_metric([], {"daemon": about["name"], "version": about["version"]})
        yield info
        yield GaugeMetricFamily(
            "zerorpc_daemon_ready", "1 while work should be sent here.", value=about["is_ready"]
        )
        for which, text in (("latest", "At the last look"), ("worst", "The worst of a minute")):
            yield GaugeMetricFamily(
                f"zerorpc_daemon_loop_lag_{which}_seconds",
                f"{text}, how late the event loop was.",
                value=about["loop_lag_s"][which],
            )
        yield _counter("reloads", "Reloads asked for.", "outcome", about["reloads"])
        yield _counter("log_lines", "Lines of the log.", "fate", about["log"])
        yield from self._more


def _counter(name: str, text: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"zerorpc_daemon_{name}", text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family
