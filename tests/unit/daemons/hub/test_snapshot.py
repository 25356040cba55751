"""What is not the same any more where another process goes on; what is: tests/property."""

from __future__ import annotations

from typing import Any

from msgpack import packb, unpackb

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.policy import Policy, PoolPolicy
from zerorpc_hub.snapshot import Restoration, export
from zerorpc_hub.statistics import Method


def pools(name: str, *methods: str) -> Any:
    return ((name, PoolPolicy(methods=methods, max_inflight=1)), ("default", PoolPolicy()))


def moved(old: Hub, policy: Policy, *unsaid: str) -> Hub:
    """Return a hub that goes on where another was, which said nothing of some of a worker's."""
    peers = list(old.inboxes)
    state = unpackb(packb(export(old.broker, peers.index)), strict_map_key=False)
    for worker in state["workers"]:
        for key in unsaid:
            del worker[key]
    fresh = Hub(policy)
    fresh.inboxes = old.inboxes
    restored = Restoration(fresh.broker, state, dict(enumerate(peers)), old.now)
    fresh.workers = {worker.name: worker for worker in restored.workers}
    fresh.deliver(restored.sends)
    return fresh


def test_workers_of_a_pool_that_is_gone_get_nothing_new() -> None:
    old = Hub(Policy(pools=pools("gets", "get*")))
    client = old.client()
    old.worker("w1", pool="gets")
    old.call(client, "get_user")
    hub = moved(old, Policy(pools=pools("puts", "put*")))
    (client,) = hub.broker.clients
    worker = hub.workers["w1"]
    (opening,) = hub.take(worker)
    for name in ("get_user", "put_user", "other"):
        hub.call(client, name)
    hub.answer(worker, opening, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]
    assert hub.heard(worker) == []
    # It is among those that take what is left, should an operator think that it can.
    hub.deliver(hub.broker.undrain(worker, hub.now))
    assert [name for name, _ in hub.heard(worker)] == ["get_user", "other"]


def test_workers_of_a_pool_that_was_gone_get_its_calls_in_the_process_that_has_it_again() -> None:
    old = Hub(Policy(pools=pools("gets", "get*")))
    client = old.client()
    old.worker("w1", pool="gets")
    hub = moved(moved(old, Policy()), Policy(pools=pools("gets", "get*")))
    (client,) = hub.broker.clients
    hub.call(client, "get_user")
    assert [name for name, _ in hub.heard(hub.workers["w1"])] == ["get_user"]


def test_what_a_worker_s_calls_waited_goes_along_and_a_hub_of_before_said_nothing_of_it() -> None:
    old = Hub()
    client = old.client()
    old.call(client)
    old.now += 0.5
    old.call(client)
    old.worker()
    waited = old.workers["w"].wait
    assert sum(waited) == 2
    assert moved(old, Policy()).workers["w"].wait == waited
    heir = moved(old, Policy(), "wait").workers["w"]
    assert (sum(heir.wait), heir.counters.opened) == (0, 2)


def test_calls_of_a_worker_stay_in_their_order_whosever_they_are() -> None:
    old = Hub()
    first, second = old.client("c1"), old.client("c2")
    old.worker()
    for client, name in ((first, "a"), (second, "b"), (first, "c")):
        old.call(client, name)
    worker = moved(old, Policy()).workers["w"]
    assert [call.method.name for call in worker.calls.values()] == ["a", "b", "c"]


def test_calls_of_pools_that_become_one_wait_no_longer_than_they_may() -> None:
    old = Hub(Policy(pools=pools("gets", "get*")))
    client = old.client()
    for name in ("put", "get"):
        old.call(client, name)
        old.now += 20
    hub = moved(old, Policy())
    (client,) = hub.broker.clients
    (pool,) = hub.broker.switch.pools
    assert [call.method.name for call in pool.queue] == ["put", "get"]
    hub.now = old.now
    hub.deliver(hub.broker.on_deadline(hub.now))
    assert [args[1].split()[0] for _, args in hub.heard(client)] == ["put"]


class CountingMethods(dict[bytes, Method]):
    """A table of methods that tells how often it was looked through."""

    looked = 0

    def items(self) -> Any:
        self.looked += 1
        return super().items()


def test_methods_are_looked_through_no_more_often_for_many_clients() -> None:
    hub = Hub()
    methods = hub.broker.switch.methods["in"] = CountingMethods()
    for number in range(100):
        hub.call(hub.client(f"c{number}"))
    assert [len(each["calls"]) for each in export(hub.broker, hash)["clients"]] == 100 * [1]
    assert methods.looked <= 2


def test_methods_counted_together_go_to_their_pool_though_it_was_elsewhere_before() -> None:
    old = Hub()
    old.call(old.client(), "put" + 300 * "x")
    hub = moved(old, Policy(pools=pools("gets", "get*")))
    (client,) = hub.broker.clients
    gets = hub.worker("w", pool="gets")
    hub.call(client, "get" + 300 * "x")
    assert [name for name, _ in hub.heard(gets)] == ["get" + 300 * "x"]


def test_methods_counted_together_go_to_the_last_pool_if_theirs_is_gone() -> None:
    old = Hub(Policy(pools=pools("gets", "get*")))
    client = old.client()
    name = "get" + 300 * "x"
    old.call(client, name)
    hub = moved(old, Policy(pools=pools("puts", "put*")))
    assert [name for name, _ in hub.heard(hub.worker("w2", pool="default"))] == [name]
