"""Two looks at a hub become rates, recent percentiles and an order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.daemons.hub.test_account import Books
from zerorpc_hub.rows import Row, ordered, quantile, report


def looked_at(books: Books) -> dict[str, Any]:
    return {"type": "queue", "in": ["in1", "in2"], "out": ["out"], **books.plain()}


def test_only_what_happened_between_the_looks_counts() -> None:
    books = Books()
    worker = books.hub.worker()
    books.hub.call(books.clients[0], "old")
    books.answer_all(worker, 9.0)
    before = looked_at(books)
    for _ in range(3):
        books.hub.call(books.clients[0], "new")
    books.answer_all(worker, 0.01, "ERR")
    books.hub.call(books.clients[0], "new")
    now = looked_at(books)
    told = report("h", now, before, 2.0, "rate")
    assert told.summary == ("2 clients, 1 worker, 1 in flight, 0/10000 queued, 2 calls/s, 2 err/s")
    endpoints, workers, methods = told.tables
    assert [row.name for row in endpoints.rows] == ["in1", "out", "in2"]
    assert [row.note for row in endpoints.rows] == ["in 1", "out 1", "in 1"]
    new, old = methods.rows
    assert (new.name, new.rate, new.errors, new.flight) == ("new", 2.0, 1.5, 1)
    assert new.p99 is not None
    assert new.p99 < 0.02
    assert (old.name, old.rate, old.p50) == ("old", 0.0, None)
    assert [row.wait for row in (workers.rows[0], endpoints.rows[1], new)] == [1e-6] * 3
    assert told.plain()["methods"][0]["name"] == "new"


def test_after_a_restart_everything_is_new() -> None:
    books = Books()
    worker = books.hub.worker()
    for _ in range(5):
        books.hub.call(books.clients[0])
    books.answer_all(worker, 0.1)
    before = looked_at(books)
    books = Books()
    books.hub.worker()
    books.hub.call(books.clients[0])
    told = report("h", looked_at(books), before, 1.0, "rate")
    assert told.tables[2].rows[0].rate == 1.0


def test_an_endpoint_that_was_closed_is_listed_as_long_as_it_has_peers() -> None:
    books = Books()
    books.hub.worker()
    now = looked_at(books) | {"in": ["in1"], "out": []}
    assert [row.name for row in report("h", now, {}, 1.0, "name").tables[0].rows] == [
        *("in1", "in2", "out")
    ]
    books.hub.leave(books.clients[1])
    now = looked_at(books) | {"in": ["in1"], "out": []}
    assert [row.name for row in report("h", now, {}, 1.0, "name").tables[0].rows] == ["in1", "out"]


def test_a_hub_that_tells_no_waits_of_its_workers_has_none_in_the_table() -> None:
    books = Books()
    books.hub.worker()
    now = looked_at(books)
    del now["by_worker"]["w"]["wait"]
    assert report("h", now, {}, 1.0, "rate").tables[1].rows[0].wait is None


def test_hubs_of_messages_have_peers() -> None:
    now = {
        "type": "pubsub",
        "publishers": 1,
        "subscribers": 1,
        "messages": {"in": 30, "out": 50},
        "dropped": {},
        "by_endpoint": {"tcp://a:1": {"side": "in", "peers": 1}},
        "by_subscriber": {"b:2": {"sent": 50, "missed": 10}},
    }
    told = report("h", now, {}, 10.0, "rate")
    assert told.summary == "1 publisher, 1 subscriber, 3 messages/s in, 5 out"
    assert (told.tables[1].rows[0].rate, told.tables[1].rows[0].errors) == (5.0, 1.0)


@pytest.mark.parametrize(
    ("key", "names"), [("rate", "bca"), ("name", "abc"), ("p99", "cab"), ("flight", "abc")]
)
def test_numbers_are_sorted_from_the_largest_and_equals_by_name(key: str, names: str) -> None:
    rows = [
        Row("b", "", 3.0, 0.0, 0),
        Row("c", "", 2.0, 0.0, 0, p99=1.0),
        Row("a", "", 1.0, 0.0, 0, p99=0.1),
    ]
    assert "".join(row.name for row in ordered(rows, key)) == names


def test_a_quantile_is_the_bound_of_its_bucket() -> None:
    assert quantile([(0.1, 99), (5.0, 1)], 0.99) == 0.1
    assert quantile([(0.1, 98), (5.0, 2)], 0.99) == 5.0
    assert quantile([], 0.5) is None
