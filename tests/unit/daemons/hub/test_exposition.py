"""The statistics of hubs as Prometheus reads them."""

from __future__ import annotations

from math import inf
from typing import Any

from tests.unit.daemons.hub.test_account import Books
from zerorpc_hub.exposition import Exposition, cumulated

AROUND = {
    "is_ready": True,
    "connections": 2,
    "closed": {"reset": 1},
    "refused_connections": {},
    "held_back": 0,
    "times_held_back": 0,
}


def samples(exposition: Exposition) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values by name and by the values of the labels."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in exposition.families():
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_calls_end_in_exactly_one_way() -> None:
    books = Books()
    worker = books.hub.worker()
    books.hub.call(books.clients[0], "good")
    books.answer_all(worker, 0.1)
    books.hub.call(books.clients[0], "bad")
    books.answer_all(worker, 0.1, "ERR")
    exposition = Exposition()
    exposition.add("h", {**AROUND, **books.plain()})
    found = samples(exposition)
    ended = found["zerorpc_hub_method_calls_ended_total"]
    assert {key for key, value in ended.items() if value} == {
        ("ok", "h", "good"),
        ("error", "h", "bad"),
    }
    assert sum(ended.values()) == sum(found["zerorpc_hub_method_calls_opened_total"].values())
    assert found["zerorpc_hub_method_latency_seconds_count"]["h", "good"] == 1
    for labels in ("method", "good"), ("worker", "default", "w"), ("endpoint", "out", "out"):
        kind, values = labels[0], ("h", *labels[1:])
        waited = found[f"zerorpc_hub_{kind}_wait_seconds_count"][values]
        assert waited == found[f"zerorpc_hub_{kind}_calls_opened_total"][values]
    # Who retries a call is the hub, and no worker.
    assert "zerorpc_hub_worker_calls_retried_total" not in found
    assert ("h", "out", "out") not in found["zerorpc_hub_endpoint_calls_retried_total"]
    assert 0.08 < found["zerorpc_hub_method_latency_seconds_sum"]["h", "good"] < 0.13
    assert found["zerorpc_hub_workers"]["ready", "h", "default"] == 1
    assert found["zerorpc_hub_connections_closed_total"]["h", "reset"] == 1


def test_several_hubs_share_their_metrics() -> None:
    told: dict[str, Any] = {**AROUND, **Books().plain()}
    exposition = Exposition()
    exposition.add("a", told)
    exposition.add("b", told)
    assert samples(exposition)["zerorpc_hub_ready"] == {("a",): 1, ("b",): 1}


def test_buckets_become_cumulative_and_none_is_lost() -> None:
    bounds = [0.00001, 0.1311, 67.11, 1e9]
    found = list(cumulated([(bound, 1) for bound in bounds]))
    by_bound = {float(bound): count for bound, count in found}
    assert by_bound[0.000128] == 1
    assert by_bound[0.131072] == 2
    assert by_bound[67.108864] == 3
    assert by_bound[inf] == 4
    counts = [count for _, count in found]
    assert counts == sorted(counts)
