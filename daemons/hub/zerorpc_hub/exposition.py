"""What `/stats` tells, once more in Prometheus' words.

Sans-IO. Made from the same plain data, so that both always agree. README.md lists them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import inf, sqrt
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

Plain = Mapping[str, Any]
# One to each doubling, from 128 us to 67 s: half of those that are counted, to spare the scraper.
_BOUNDS = [2**power / 1e6 for power in range(7, 27)]
# A worker's share of a bucket's bounds is rounded; without this its own bound would miss it.
_ROUNDING = 1.001
_ENDED = {"error": "errors", "failed": "failed", "cancelled": "cancelled"}


def exposed(hubs: Mapping[str, Plain]) -> Iterator[Metric]:
    """Yield the metrics of hubs by name; all the work is done while they are taken."""
    exposition = Exposition()
    for name, told in hubs.items():
        exposition.add(name, told)
    yield from exposition.families()


class Exposition:
    """The metrics of some hubs: `add` each, then take `families`."""

    def __init__(self) -> None:
        self._families: dict[str, Any] = {}

    def families(self) -> Iterable[Metric]:
        """Return what was added."""
        return self._families.values()

    def add(self, hub: str, told: Plain) -> None:
        """Add what one hub tells."""
        self._gauge("ready", "1 while it has someone to send to.", told["is_ready"], hub=hub)
        self._gauge("connections", "Open connections.", told["connections"], hub=hub)
        text = "Clients that are not read now, as their worker or they themselves take no more."
        self._gauge("held_back", text, told["held_back"], hub=hub)
        text = "How often a connection was held back."
        self._counter("times_held_back", text, told["times_held_back"], hub=hub)
        for key, metric, label, text in _REASONS:
            # Declared in any case, so that what may come can be seen in time.
            self._family(CounterMetricFamily, metric, text, ("hub", label))
            for reason, count in told.get(key, {}).items():
                self._counter(metric, text, count, hub=hub, **{label: reason})
        for side, count in told["messages"].items():
            self._counter("messages", "Messages from each side.", count, hub=hub, side=side)
        for endpoint, row in told["by_endpoint"].items():
            labels = {"hub": hub, "side": row["side"], "endpoint": endpoint}
            self._gauge("endpoint_peers", "Peers at an endpoint.", row["peers"], **labels)
            # Hubs of other types carry messages, and know no calls.
            if "calls" in row:
                self._row("endpoint", row, labels)
        self._queues(hub, told)
        for worker, row in told.get("by_worker", {}).items():
            self._row("worker", row, {"hub": hub, "pool": row["pool"], "worker": worker})
        for method, row in told.get("by_method", {}).items():
            self._row("method", row, {"hub": hub, "method": method})

    def _queues(self, hub: str, told: Plain) -> None:
        """Add what waits: calls before each pool, or messages before all pullers."""
        pools = told.get("pools", {"default": told} if "queue_max" in told else {})
        for pool, row in pools.items():
            labels = {"hub": hub, "pool": pool}
            self._gauge("queued", "Calls or messages that wait.", row["queued"], **labels)
            self._gauge("queued_bytes", "Their size.", row["queued_bytes"], **labels)
            self._gauge("queue_max", "How many may wait.", row["queue_max"], **labels)
            for state, count in row.get("workers", {}).items():
                self._gauge("workers", "Workers by state.", count, state=state, **labels)

    def _row(self, kind: str, row: Plain, labels: dict[str, str]) -> None:
        """Add the counters of an endpoint, a worker or a method."""
        calls = row["calls"]
        text = "Calls that have begun and not ended."
        self._gauge(f"{kind}_in_flight", text, row["in_flight"], **labels)
        self._counter(f"{kind}_calls_opened", "Calls accepted.", calls["opened"], **labels)
        # `answered` holds the errors too; here each call counts once, so that they add up.
        ended = {each: calls[key] for each, key in _ENDED.items()}
        for outcome, count in {"ok": calls["answered"] - calls["errors"], **ended}.items():
            text = "Calls that ended, by how."
            self._counter(f"{kind}_calls_ended", text, count, outcome=outcome, **labels)
        text = "From a call's coming to its last answer; of workers, from its going out."
        self._histogram(f"{kind}_latency_seconds", text, row["latency"], labels)
        text = "How long calls waited for a worker; of workers, those that it got."
        self._histogram(f"{kind}_wait_seconds", text, row["wait"], labels)
        # Who retries a call is the hub.
        if "retried" in calls:
            text = "Calls sent to a second worker."
            self._counter(f"{kind}_calls_retried", text, calls["retried"], **labels)

    # -- families ----------------------------------------------------------------------------

    def _family(self, make: Any, name: str, text: str, labels: Iterable[str]) -> Any:
        # One family for all hubs: Prometheus takes a name only once in a scrape.
        if name not in self._families:
            self._families[name] = make(f"zerorpc_hub_{name}", text, labels=list(labels))
        return self._families[name]

    def _gauge(self, name: str, text: str, value: float, **labels: str) -> None:
        self._family(GaugeMetricFamily, name, text, labels).add_metric(labels.values(), value)

    def _counter(self, name: str, text: str, value: float, **labels: str) -> None:
        self._family(CounterMetricFamily, name, text, labels).add_metric(labels.values(), value)

    def _histogram(self, name: str, text: str, spread: Plain, labels: dict[str, str]) -> None:
        family = self._family(HistogramMetricFamily, name, text, labels)
        buckets = [(str(bound), count) for bound, count in cumulated(spread["buckets"])]
        # Durations are not summed up on the way, so it is what their buckets say.
        about = sum(bound * count for bound, count in spread["buckets"]) / sqrt(sqrt(2))
        family.add_metric(labels.values(), buckets, round(about, 6))


def cumulated(buckets: Iterable[tuple[float, int]]) -> Iterator[tuple[float | str, int]]:
    """Yield each of the bounds that Prometheus sees with how many took no longer."""
    # Both are in order, so that one pass does.
    rest = list(buckets)
    seen = 0
    for bound in [*_BOUNDS, inf]:
        while rest and rest[0][0] <= bound * _ROUNDING:
            seen += rest.pop(0)[1]
        yield ("+Inf" if bound == inf else bound), seen


_REASONS = (
    ("closed", "connections_closed", "reason", "Connections that ended, by why."),
    ("refused_connections", "connections_refused", "reason", "Connections turned away at once."),
    ("refused", "refused", "error", "Calls answered by the hub itself, by the name of the error."),
    ("dropped", "dropped", "reason", "Messages that could not be used, by why."),
)
