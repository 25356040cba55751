"""Another policy counts at once, for those who are there too; what runs is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.account import state_of
from zerorpc_hub.policy import Policy, PoolPolicy
from zerorpc_hub.revision import Place

TWO_POOLS = (("gets", PoolPolicy(methods=("get*",))), ("default", PoolPolicy()))
# Of a name that gets no row of its own.
ODD = 300 * "x"


def revise(hub: Hub, places: dict[str, Place] | None = None, **policy: Any) -> None:
    """Put another policy in force."""
    hub.deliver(hub.broker.revise(Policy(**policy), places or {}, hub.now))


def of_default(**pool: Any) -> Any:
    return (("default", PoolPolicy(**pool)),)


def test_calls_that_wait_go_when_workers_may_take_more() -> None:
    hub = Hub(max_inflight=1)
    client, worker = hub.client(), hub.worker()
    for number in range(4):
        hub.call(client, f"m{number}")
    assert len(hub.take(worker)) == 1
    revise(hub, pools=of_default(max_inflight=3))
    assert [name for name, _ in hub.heard(worker)] == ["m1", "m2"]
    revise(hub, pools=of_default())
    assert [name for name, _ in hub.heard(worker)] == ["m3"]


def test_workers_that_may_take_less_finish_what_they_have() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    for _ in range(3):
        hub.call(client)
    openings = hub.take(worker)
    revise(hub, pools=of_default(max_inflight=2))
    hub.call(client, "waits")
    hub.answer(worker, openings[0], "OK", [1])
    assert hub.take(worker) == []
    hub.answer(worker, openings[1], "OK", [1])
    assert [name for name, _ in hub.heard(worker)] == ["waits"]
    hub.answer(worker, openings[2], "OK", [1])
    assert len(hub.take(client)) == 3


def test_another_balance_takes_over_those_who_are_there() -> None:
    hub = Hub()
    client = hub.client()
    workers = [hub.worker(f"w{number}") for number in range(3)]
    for _ in range(3):
        hub.call(client)
    for balance in ("round-robin", "least-ewma", "least-outstanding"):
        revise(hub, pools=of_default(balance=balance))
        for _ in range(3):
            hub.call(client)
    assert {worker.load for worker in workers} == {4}


def test_calls_and_workers_go_to_the_pools_of_the_new_policy() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, "get_user")
    hub.call(client, "put_user")
    revise(hub, pools=TWO_POOLS)
    gets = hub.worker("w1", pool="gets")
    assert [name for name, _ in hub.heard(gets)] == ["get_user"]
    # Known methods go there too.
    hub.call(client, "get_user")
    assert [name for name, _ in hub.heard(gets)] == ["get_user"]
    rest = hub.worker("w2", pool="default")
    assert [name for name, _ in hub.heard(rest)] == ["put_user"]


def test_methods_counted_together_go_to_their_pool_wherever_it_is() -> None:
    hub = Hub()
    client, rest = hub.client(), hub.worker("w1")
    hub.call(client, "put" + ODD)
    revise(hub, pools=TWO_POOLS)
    gets = hub.worker("w2", pool="gets")
    for name in ("get" + ODD, "put" + ODD):
        hub.call(client, name)
    assert [name for name, _ in hub.heard(gets)] == ["get" + ODD]
    assert [name for name, _ in hub.heard(rest)] == 2 * ["put" + ODD]
    # Also while its pool is away, and when it is back.
    for pools in (of_default(), TWO_POOLS):
        revise(hub, pools=pools)
        hub.call(client, "get" + ODD)
    assert [name for name, _ in hub.heard(rest)] == ["get" + ODD]
    assert [name for name, _ in hub.heard(gets)] == ["get" + ODD]


def test_workers_of_a_pool_that_is_gone_get_nothing_new() -> None:
    hub = Hub(Policy(pools=TWO_POOLS))
    client = hub.client()
    gets, rest = hub.worker("w1", pool="gets"), hub.worker("w2", pool="default")
    hub.call(client, "get_user")
    (opening,) = hub.take(gets)
    revise(hub, pools=of_default())
    hub.call(client, "get_user")
    assert [name for name, _ in hub.heard(rest)] == ["get_user"]
    hub.answer(gets, opening, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]
    hub.lose(gets)


@pytest.mark.parametrize("places", [{}, {"out": Place("gets")}])
def test_workers_of_a_pool_that_was_gone_and_is_there_again_get_calls(
    places: dict[str, Place],
) -> None:
    hub = Hub(Policy(pools=TWO_POOLS))
    client, gets = hub.client(), hub.worker("w1", pool="gets")
    for _ in range(2):  # and another reload in between does not make it one of the others
        revise(hub, pools=of_default())
    for name in ("get_user", "put_user"):
        hub.call(client, name)
    assert (state_of(gets), hub.take(gets)) == ("draining", [])
    revise(hub, places, pools=TWO_POOLS)
    assert [name for name, _ in hub.heard(gets)] == ["get_user"]
    assert state_of(gets) == "ready"


def test_a_pool_that_comes_back_undoes_no_drain_of_an_operator() -> None:
    hub = Hub(Policy(pools=TWO_POOLS))
    client, gets = hub.client(), hub.worker("w1", pool="gets")
    hub.deliver(hub.broker.drain(gets, hub.now))
    revise(hub, pools=of_default())
    revise(hub, pools=TWO_POOLS)
    hub.call(client, "get_user")
    assert hub.take(gets) == []


def test_who_was_given_calls_of_another_pool_stays_there() -> None:
    hub = Hub(Policy(pools=TWO_POOLS))
    client, gets = hub.client(), hub.worker("w1", pool="gets")
    revise(hub, pools=of_default())
    hub.deliver(hub.broker.undrain(gets, hub.now))
    revise(hub, pools=TWO_POOLS)
    for name in ("get_user", "put_user"):
        hub.call(client, name)
    assert [name for name, _ in hub.heard(gets)] == ["put_user"]


def test_workers_follow_their_endpoint() -> None:
    hub = Hub(Policy(pools=TWO_POOLS))
    client = hub.client()
    worker, other = hub.worker("w1", pool="gets"), hub.worker("w2", pool="default")
    worker.endpoint = "special"
    revise(hub, {"special": Place("default", weight=3)}, pools=of_default())
    for _ in range(8):
        hub.call(client)
    assert (worker.load, other.load) == (6, 2)
    revise(hub, {"special": Place("default", is_backup=True)}, pools=of_default())
    hub.call(client)
    assert (worker.load, other.load) == (6, 3)


def test_bounds_budgets_and_pings_are_those_of_the_new_policy() -> None:
    hub = Hub(Policy(ping=0.0, queue_max=3))
    client = hub.client()
    for _ in range(3):
        hub.call(client, "get")
    revise(hub, queue_max=1, ping=1.0, idempotent=("get",))
    hub.call(client, "get")
    assert [args[0] for _, args in hub.heard(client)] == ["Overloaded"]
    first = hub.worker("w1")
    assert len(hub.take(first)) == 3
    hub.mute.add("w1")
    hub.wait(1)
    assert [name for name, _ in hub.heard(first)] == ["_zerorpc_ping"]
    second = hub.worker("w2")
    hub.lose(first)
    assert [name for name, _ in hub.heard(second)] == ["get"] * 3


def test_calls_of_pools_that_become_one_wait_no_longer_than_they_may() -> None:
    hub = Hub(Policy(pools=TWO_POOLS, queue_timeout=5.0, idempotent=("*",)))
    client = hub.client()
    gets, rest = hub.worker("w1", pool="gets"), hub.worker("w2")
    for name in ("put_back", "get_back"):
        hub.call(client, name)
    for lost in (rest, gets):
        hub.lose(lost)
        hub.call(client, "put" if lost is rest else "get")
        hub.now += 3
    revise(hub, pools=of_default(), queue_timeout=5.0, idempotent=("*",))
    told = []
    for _ in range(2):
        told.append({args[1].split()[0] for _, args in hub.heard(client)})
        hub.now = hub.broker.switch.pools[0].queue.deadline or 0.0
        hub.deliver(hub.broker.on_deadline(hub.now))
    assert told == [set(), {"put_back", "put"}]
    assert {args[1].split()[0] for _, args in hub.heard(client)} == {"get_back", "get"}


def test_a_deadline_in_the_queue_holds_under_the_new_policy() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, deadline_ms=1000)
    revise(hub, pools=TWO_POOLS, queue_timeout=5.0)
    hub.call(client)
    hub.wait(2)
    assert [args[0] for _, args in hub.heard(client)] == ["TimeoutExpired"]
    hub.wait(4)
    assert [args[0] for _, args in hub.heard(client)] == ["Overloaded"]
