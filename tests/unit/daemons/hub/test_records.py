"""Workers that take calls with them and come back are known again."""

from __future__ import annotations

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.calls import Client, Worker
from zerorpc_hub.records import Record, Records


def come_and_go(hub: Hub, client: Client, name: str, who: str, calls: int = 1) -> Worker:
    """Let a worker take calls with it."""
    worker = hub.worker(name, who=who)
    for _ in range(calls):
        hub.call(client)
    hub.take(worker)
    hub.lose(worker)
    return worker


def beside(hub: Hub) -> Client:
    """Let there be another worker, which takes nothing for now."""
    hub.deliver(hub.broker.drain(hub.worker("other"), hub.now))
    return hub.client()


def test_a_worker_that_hangs_up_on_its_calls_and_comes_back_is_ejected() -> None:
    hub = Hub(eject_after=2, eject_time=60.0)
    client = beside(hub)
    for name in ("w1", "w2"):
        assert come_and_go(hub, client, name, "a").until is None
    back = hub.worker("w3", who="a")
    assert back.until == hub.now + 60
    # And so it is when it only hangs up once more.
    hub.lose(back)
    hub.wait(20)
    back = hub.worker("w4", who="a")
    assert back.until == hub.now + 40
    hub.wait(41)
    assert back.may_take
    # Longer if that has not helped.
    hub.lose(back)
    for name in ("w5", "w6"):
        come_and_go(hub, client, name, "a")
    assert hub.worker("w7", who="a").until == hub.now + 120


def test_only_who_is_recognised_is_held_to_what_it_did() -> None:
    hub = Hub(eject_after=1)
    client = beside(hub)
    come_and_go(hub, client, "w1", "a")
    come_and_go(hub, client, "w2", "")
    assert [hub.worker(f"{who}!", who=who).until for who in ("b", "")] == [None, None]
    # Only one that comes is that one.
    assert hub.worker("w3", who="a").until is not None
    assert hub.worker("w4", who="a").until is None


def test_a_lost_connection_is_one_failure_however_many_calls_it_had() -> None:
    hub = Hub(eject_after=2)
    client = beside(hub)
    come_and_go(hub, client, "w1", "a", calls=9)
    assert hub.worker("w2", who="a").until is None


def test_who_leaves_in_order_or_without_calls_has_not_failed() -> None:
    hub = Hub(eject_after=1)
    client = beside(hub)
    come_and_go(hub, client, "w1", "a", calls=0)
    for mark in ("is_leaving", "is_draining", "is_homeless"):
        leaving = hub.worker(mark, who="a")
        assert leaving.until is None
        hub.call(client)
        setattr(leaving, mark, True)
        hub.lose(leaving)
    # What never left was not its fault either.
    unsent = hub.worker("w2", who="a")
    hub.call(client)
    hub.lose(unsent, unsent=1)
    assert hub.worker("w3", who="a").until is None


def test_an_answer_makes_good_what_was_lost_before() -> None:
    hub = Hub(eject_after=2)
    client = beside(hub)
    come_and_go(hub, client, "w1", "a")
    back = hub.worker("w2", who="a")
    hub.call(client)
    hub.answer(back, hub.take(back)[0], "OK", [])
    hub.lose(back)
    come_and_go(hub, client, "w3", "a")
    assert hub.worker("w4", who="a").until is None


def test_one_that_comes_back_alone_is_not_ejected() -> None:
    hub = Hub(eject_after=1)
    other, client = hub.worker("other"), hub.client()
    hub.deliver(hub.broker.drain(other, hub.now))
    come_and_go(hub, client, "w1", "a")
    back = hub.worker("w2", who="a")
    assert back.until is not None
    hub.lose(back)
    hub.lose(other)
    assert hub.worker("w3", who="a").may_take


def test_what_is_remembered_is_bounded_in_number_and_time() -> None:
    records = Records()
    for number in range(1500):
        records.keep(str(number), Record(1, 0, 0.0, 0.0))
    assert len(records) == 1000
    assert records.take("0", 1.0) is None
    assert records.take("1499", 599.0) == Record(1, 0, 0.0, 0.0)
    assert records.take("1498", 601.0) is None
    records.keep("late", Record(0, 1, 300.0, 0.0))
    assert records.take("late", 899.0) is not None


def test_of_two_that_cannot_be_told_apart_the_worse_is_remembered() -> None:
    records = Records()
    for failures in (3, 1):
        records.keep("a", Record(failures, 0, 0.0, 0.0))
    kept = records.take("a", 0.0)
    assert kept is not None
    assert kept.failures == 3
