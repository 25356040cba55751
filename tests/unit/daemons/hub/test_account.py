"""What a hub tells of its endpoints, workers and methods adds up, and says how fast it goes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.account import Ledger, state_of
from zerorpc_hub.calls import Client, Worker
from zerorpc_hub.rates import PERIOD, Rates


class Books:
    """A hub with its books kept, one client at each of two endpoints."""

    def __init__(self, **pool: Any) -> None:
        self.hub = Hub(**pool)
        self.ledger = Ledger(self.hub.broker, self.hub.now)
        self.ledger.expect("out")
        self.clients = [self._client(each) for each in ("in1", "in2")]

    def _client(self, endpoint: str) -> Client:
        self.hub.inboxes[endpoint] = []
        return self.hub.broker.add_client(endpoint, endpoint, endpoint)

    def plain(self) -> dict[str, Any]:
        return self.ledger.plain(self.hub.now)

    def answer_all(self, worker: Worker, after: float, name: str = "OK") -> None:
        self.hub.now += after
        for opening in self.hub.take(worker):
            self.hub.answer(worker, opening, name, [])


def test_an_idle_hub_lists_its_endpoints() -> None:
    told = Books().plain()
    sides = {name: (row["side"], row["peers"]) for name, row in told["by_endpoint"].items()}
    assert sides == {"in1": ("in", 1), "in2": ("in", 1), "out": ("out", 0)}
    assert told["latency"] == {"p50_s": None, "p99_s": None, "buckets": []}
    assert told["pools"]["default"]["workers"]["ready"] == 0


def test_methods_endpoints_and_the_hub_agree() -> None:
    books = Books()
    worker = books.hub.worker()
    first, second = books.clients
    for client, method in [(first, "a"), (first, "b"), (second, "a")]:
        books.hub.call(client, method)
    assert {k: v["in_flight"] for k, v in books.plain()["by_method"].items()} == {"a": 2, "b": 1}
    books.answer_all(worker, 0.2)
    told = books.plain()
    assert told["calls"]["answered"] == 3
    assert told["in_flight"] == 0
    rows = told["by_endpoint"]
    counts = [rows[each]["calls"]["answered"] for each in ("in1", "in2", "out")]
    assert counts == [2, 1, 3]
    assert told["by_worker"]["w"]["calls"]["answered"] == 3
    # The bound of a bucket that is half a doubling wide.
    assert 0.2 <= told["by_method"]["a"]["latency"]["p50_s"] < 0.3


def test_the_wait_for_a_worker_is_told_apart() -> None:
    books = Books(max_inflight=1)
    worker = books.hub.worker()
    for _ in range(2):
        books.hub.call(books.clients[0])
    books.answer_all(worker, 0.5)
    books.answer_all(worker, 0.1)
    told = books.plain()
    worker_row, endpoint_row = told["by_worker"]["w"], told["by_endpoint"]["out"]
    # Each call has waited for one worker, whoever tells it.
    for row in (told, told["by_method"]["m"], worker_row, endpoint_row):
        assert sum(count for _, count in row["wait"]["buckets"]) == 2
        assert row["wait"]["p50_s"] < 0.001
        assert 0.5 <= row["wait"]["p99_s"] < 0.75
    assert told["by_worker"]["w"]["latency"]["buckets"][0][0] < 0.2


def test_what_a_worker_did_that_is_gone_stays_with_its_endpoint() -> None:
    books = Books()
    worker = books.hub.worker()
    books.hub.call(books.clients[0])
    books.answer_all(worker, 0.1, "ERR")
    books.hub.call(books.clients[0])
    books.hub.lose(worker)
    books.ledger.bury(worker)
    told = books.plain()
    assert told["by_worker"] == {}
    row = told["by_endpoint"]["out"]
    assert (row["peers"], row["in_flight"]) == (0, 0)
    assert [count for _, count in row["wait"]["buckets"]] == [2]
    assert row["calls"] == {"opened": 2, "answered": 1, "errors": 1, "failed": 1, "cancelled": 0}


def test_books_go_on_in_another_process_also_after_a_hub_that_told_no_waits() -> None:
    books = Books()
    worker = books.hub.worker()
    books.hub.call(books.clients[0])
    books.answer_all(worker, 0.1)
    books.hub.lose(worker)
    books.ledger.bury(worker)
    state, waits = books.ledger.export(), books.ledger.waits()
    for known, counted in ((waits, [1]), ({}, [])):
        heir = Books()
        heir.ledger.restore(state, known, heir.hub.now)
        row = heir.plain()["by_endpoint"]["out"]
        assert row["calls"]["answered"] == 1
        assert [count for _, count in row["wait"]["buckets"]] == counted


def test_rates_are_those_of_the_last_seconds() -> None:
    books = Books()
    books.hub.worker()
    for _ in range(2):
        for _ in range(100):
            books.hub.call(books.clients[0], "a")
        books.hub.now += PERIOD
        assert books.hub.now >= books.ledger.due
        books.ledger.note(books.hub.now)
    told = books.plain()
    rows = [told, told["by_worker"]["w"], told["by_method"]["a"], told["by_endpoint"]["in1"]]
    assert [row["rate_per_s"] for row in rows] == [20.0] * 4
    books.hub.now += PERIOD
    books.ledger.note(books.hub.now)
    books.hub.now += PERIOD
    assert books.plain()["rate_per_s"] == 0.0


def test_a_counter_that_is_new_began_at_zero() -> None:
    rates = Rates(0.0)
    assert rates.per_second("x", 10, 0.0) == 0.0
    assert rates.per_second("x", 10, 2.0) == 5.0


@pytest.mark.parametrize(
    ("set_to", "state"),
    [
        ({}, "ready"),
        ({"most": 0}, "full"),
        ({"is_paused": True}, "paused"),
        ({"is_busy": True, "is_paused": True}, "busy"),
        ({"until": 1.0}, "ejected"),
        ({"is_leaving": True, "is_busy": True}, "leaving"),
        ({"is_draining": True, "is_leaving": True}, "draining"),
        ({"is_homeless": True}, "draining"),
    ],
)
def test_a_worker_s_state_is_the_reason_that_lasts_longest(
    set_to: dict[str, Any], state: str
) -> None:
    worker = Worker("w", "w", "out", 0.0)
    for name, value in set_to.items():
        setattr(worker, name, value)
    assert state_of(worker) == state
