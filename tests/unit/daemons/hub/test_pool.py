"""Who may take a call: weights, newcomers, backups, the full, and those taken out for a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.balancing import Ladder
from zerorpc_hub.calls import Client, Worker
from zerorpc_hub.policy import Policy, PoolPolicy
from zerorpc_hub.pool import Pool
from zerorpc_hub.queue import CallQueue


class CountingPool(Pool):
    """A pool that tells how often it looked at what a worker is worth."""

    weighed = 0

    def _share(self, worker: Worker, now: float) -> float:
        self.weighed += 1
        return super()._share(worker, now)


def shares(hub: Hub, client: Client, calls: int) -> dict[str, int]:
    """Return how many of some more calls each worker gets while none is answered."""
    before = {name: worker.load for name, worker in hub.workers.items()}
    for _ in range(calls):
        hub.call(client)
    return {name: worker.load - before[name] for name, worker in hub.workers.items()}


def crowd(hub: Hub, **weights: int) -> Client:
    for name, weight in weights.items():
        hub.worker(name, weight=weight)
    return hub.client()


# -- weights -------------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ["least-outstanding", "round-robin", "least-ewma"])
def test_calls_are_shared_out_by_weight(balance: Any) -> None:
    hub = Hub(balance=balance)
    client = crowd(hub, w1=1, w2=2, w3=3)
    got = shares(hub, client, 120)
    # What 9 % more or less wait is no difference to the EWMA.
    slack = 6 if balance == "least-ewma" else 1
    assert got == {name: pytest.approx(20 * int(name[1]), abs=slack) for name in got}


def test_weights_count_again_when_the_strongest_leaves() -> None:
    hub = Hub()
    client = crowd(hub, w1=1, w2=2, w1000=1000)
    hub.lose(hub.workers.pop("w1000"))
    assert shares(hub, client, 30) == {"w1": 10, "w2": 20}


@pytest.mark.parametrize("is_backup", [False, True])
def test_the_strongest_does_not_count_while_it_gets_no_calls(is_backup: bool) -> None:
    hub = Hub()
    giant = hub.worker("w1000", weight=1000, is_backup=is_backup)
    client = crowd(hub, w1=1, w2=2)
    if not is_backup:
        hub.deliver(hub.broker.drain(giant, hub.now))
    hub.wait(2)
    assert shares(hub, client, 3000) == {"w1000": 0, "w1": 1000, "w2": 2000}
    (ladder, _) = hub.broker.switch.pools[0]._balances
    assert isinstance(ladder, Ladder)
    # A rung for each call of the strongest, and not a hundred.
    assert len(ladder._rungs) < 2010
    if not is_backup:
        hub.deliver(hub.broker.undrain(giant, hub.now))
        hub.wait(2)
        assert shares(hub, client, 1000) == {"w1000": 1000, "w1": 0, "w2": 0}


def test_who_joins_beside_the_strongest_that_gets_no_calls_is_not_weighed_against_it() -> None:
    hub = Hub()
    hub.deliver(hub.broker.drain(hub.worker("w1000", weight=1000), hub.now))
    client = crowd(hub, w1=1, w2=2)
    assert shares(hub, client, 30) == {"w1000": 0, "w1": 10, "w2": 20}


def test_who_joins_another_pool_leaves_its_old_weight_behind() -> None:
    pool = Pool("all", PoolPolicy(), CallQueue(1, 1, 1.0))
    for _ in range(2):
        worker = Worker(None, "w", "out", 0.0)
        worker.ratio = 3.0
        pool.join(worker, 0.0)
    assert {worker.ratio for worker in pool.workers} == {1}


@pytest.mark.parametrize("slow_start", [0.0, 10.0])
@pytest.mark.parametrize("weights", [(2, 2), (1, 2), (2, 1)])
def test_thousands_come_and_go_without_being_weighed_each_time(
    weights: tuple[int, int], slow_start: float
) -> None:
    pool = CountingPool("all", PoolPolicy(slow_start=slow_start), CallQueue(1, 1, 1.0))
    crowd = [Worker(None, "w", "out", 0.0, weight=weights[at % 2]) for at in range(1000)]
    for at, worker in enumerate(crowd):
        worker.joined = at / 1000
        pool.join(worker, worker.joined)
    # Each beside the strongest, and few times beside all.
    assert pool.weighed < 5 * len(crowd)
    pool.grow(2.0)
    pool.weighed = 0
    for worker in crowd[:-10]:
        pool.leave(worker, 2.0)
    assert pool.weighed < 5 * len(crowd)
    pool.grow(100.0)
    pool.join(Worker(None, "odd", "out", 80.0, weight=4), 100.0)
    assert {worker.weight * worker.ratio for worker in crowd[-10:]} == {4}


def test_the_strongest_that_leaves_has_an_heir_that_is_as_strong() -> None:
    pool = CountingPool("all", PoolPolicy(), CallQueue(1, 1, 1.0))
    crowd = [Worker(None, "w", "out", 0.0, weight=1 + at % 2) for at in range(1000)]
    for worker in crowd:
        pool.join(worker, 0.0)
    for worker in crowd[1:-2:2]:
        pool.leave(worker, 0.0)
    assert pool.weighed < 5 * len(crowd)
    assert {(worker.weight, worker.ratio) for worker in pool.workers} == {(1, 2), (2, 1)}
    pool.leave(crowd[-1], 0.0)
    assert {worker.ratio for worker in pool.workers} == {1}


def test_nobody_is_starved_beside_a_giant() -> None:
    hub = Hub()
    client = crowd(hub, w1=1, w2=1000)
    assert shares(hub, client, 1010)["w1"] == pytest.approx(10, abs=1)


# -- slow start ----------------------------------------------------------------------------------


def test_a_newcomer_gets_its_full_share_only_after_a_time() -> None:
    hub = Hub(slow_start=10.0)
    client = crowd(hub, w1=1)
    hub.wait(20)
    hub.worker("w2")
    assert shares(hub, client, 110)["w2"] == pytest.approx(10, abs=1)  # a tenth of w1's
    hub.wait(5)
    assert shares(hub, client, 145)["w2"] == pytest.approx(80, abs=10)  # 0.55 of all that w1 has
    hub.wait(6)
    shares(hub, client, 100)
    assert hub.workers["w2"].load == pytest.approx(hub.workers["w1"].load, abs=1)


def test_workers_that_come_together_start_together() -> None:
    hub = Hub(slow_start=10.0)
    client = crowd(hub, w1=1, w2=1)
    assert shares(hub, client, 20) == {"w1": 10, "w2": 10}


def test_without_slow_start_a_newcomer_takes_all_until_it_has_as_many() -> None:
    hub = Hub()
    client = crowd(hub, w1=1)
    shares(hub, client, 10)
    hub.worker("w2")
    assert shares(hub, client, 9)["w2"] == 9


# -- backup --------------------------------------------------------------------------------------


def backed_up(**pool: Any) -> tuple[Hub, Client, Worker, Worker]:
    hub = Hub(**pool)
    return hub, hub.client(), hub.worker("regular"), hub.worker("backup", is_backup=True)


def test_a_backup_gets_nothing_while_a_regular_worker_is_well() -> None:
    hub, client, _, _ = backed_up()
    hub.random = 0.99
    assert shares(hub, client, 10) == {"regular": 10, "backup": 0}


def test_a_backup_does_not_help_those_that_are_merely_full() -> None:
    hub, client, regular, backup = backed_up(max_inflight=1)
    hub.call(client)
    hub.call(client)
    assert (regular.load, backup.load) == (1, 0)
    hub.broker.pause(regular)
    hub.call(client)
    assert backup.load == 0


def test_a_backup_stands_in_when_no_regular_worker_is_left() -> None:
    hub, client, regular, backup = backed_up()
    hub.lose(regular)
    hub.call(client)
    assert backup.load == 1
    hub.worker("new")
    hub.call(client)
    assert backup.load == 1


def test_calls_that_wait_go_to_the_backup_when_the_last_worker_is_drained() -> None:
    hub, client, regular, backup = backed_up(max_inflight=1)
    hub.call(client, "runs")
    hub.call(client, "waits")
    hub.deliver(hub.broker.drain(regular, hub.now))
    assert [name for name, _ in hub.heard(backup)] == ["waits"]


def test_calls_that_wait_go_to_the_backup_when_the_last_worker_says_that_it_leaves() -> None:
    hub, client, regular, backup = backed_up(max_inflight=1)
    hub.call(client, "runs")
    hub.call(client, "waits")
    (opening,) = hub.take(regular)
    hub.answer(regular, opening, "STREAM", 1, draining=True)
    assert [name for name, _ in hub.heard(backup)] == ["waits"]


def test_calls_that_wait_go_to_the_backup_when_the_last_worker_is_busy() -> None:
    hub, client, _, backup = backed_up(max_inflight=1)
    hub.mute.add("regular")
    hub.call(client, "runs")
    hub.call(client, "waits")
    hub.wait(1.9)
    assert hub.heard(backup) == []
    hub.wait(0.2)
    assert [name for name, _ in hub.heard(backup)] == ["waits"]


# -- room ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ["least-outstanding", "round-robin", "least-ewma"])
def test_nobody_gets_more_calls_at_a_time_than_allowed(balance: Any) -> None:
    hub = Hub(balance=balance, max_inflight=2)
    client = crowd(hub, w1=1, w2=1)
    assert shares(hub, client, 9) == {"w1": 2, "w2": 2}
    for opening in hub.take(hub.workers["w1"]):
        hub.answer(hub.workers["w1"], opening, "OK", [])
    assert {name: worker.load for name, worker in hub.workers.items()} == {"w1": 2, "w2": 2}
    assert len(hub.take(hub.workers["w1"])) == 2


def test_a_connection_that_takes_no_more_gets_no_calls_until_it_does() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.broker.pause(worker)
    hub.call(client)
    assert hub.heard(worker) == []
    hub.deliver(hub.broker.resume(worker, hub.now))
    assert len(hub.heard(worker)) == 1


# -- ejection ------------------------------------------------------------------------------------


def fail_calls(hub: Hub, client: Client, calls: int) -> None:
    """Let calls fall silent until they are given up."""
    for _ in range(calls):
        hub.call(client, deadline_ms=100)
    hub.wait(12)


def ejected(hub: Hub) -> set[str]:
    return {name for name, worker in hub.workers.items() if worker.until is not None}


def test_a_worker_that_only_loses_calls_is_ejected_and_comes_back() -> None:
    hub = Hub(eject_after=3, eject_time=10.0)
    client = hub.client()
    first = hub.worker("w1")
    hub.worker("w2")
    hub.deliver(hub.broker.drain(hub.workers["w2"], hub.now))
    fail_calls(hub, client, 2)
    assert ejected(hub) == set()
    fail_calls(hub, client, 1)
    assert ejected(hub) == {"w1"}
    assert not first.may_take
    hub.wait(11)
    assert ejected(hub) == set()
    assert first.may_take


def test_an_answer_in_between_makes_good() -> None:
    hub = Hub(eject_after=2)
    client, first = hub.client(), hub.worker("w1")
    fail_calls(hub, client, 1)
    hub.take(first)
    hub.call(client)
    (opening,) = hub.take(first)
    hub.answer(first, opening, "ERR", ["ValueError", "an answer like any", None])
    hub.worker("w2")
    hub.deliver(hub.broker.drain(hub.workers["w2"], hub.now))
    fail_calls(hub, client, 1)
    assert ejected(hub) == set()


def test_errors_of_the_application_eject_nobody() -> None:
    hub = Hub(eject_after=1)
    client, first = hub.client(), hub.worker("w1")
    for _ in range(20):
        hub.call(client)
        (opening,) = hub.take(first)
        hub.answer(first, opening, "ERR", ["ValueError", "wrong", None])
    hub.worker("w2")
    hub.wait(2)
    assert ejected(hub) == set()


def test_at_most_half_of_a_pool_is_ejected() -> None:
    hub = Hub(eject_after=1, eject_time=1000.0)
    client = crowd(hub, w1=1, w2=1, w3=1, w4=1, w5=1)
    fail_calls(hub, client, 50)
    assert len(ejected(hub)) == 2


def test_an_ejection_lasts_twice_as_long_each_time_up_to_a_bound() -> None:
    hub = Hub(eject_after=1, eject_time=10.0)
    client, first = hub.client(), hub.worker("w1")
    hub.worker("w2")
    hub.deliver(hub.broker.drain(hub.workers["w2"], hub.now))
    lasted = []
    for _ in range(9):
        fail_calls(hub, client, 1)
        assert first.until is not None
        hub.wait(first.until - hub.now + 1)
        lasted.append(hub.broker.notices[-2].text)
    assert lasted == [f"for {10 * 2 ** min(turn, 6)}s" for turn in range(9)]


def test_without_a_limit_nobody_is_ejected() -> None:
    hub = Hub(eject_after=None)
    client = crowd(hub, w1=1, w2=1)
    fail_calls(hub, client, 20)
    assert ejected(hub) == set()


# -- pools ---------------------------------------------------------------------------------------


def test_a_call_goes_to_the_first_pool_whose_globs_fit_and_else_to_the_first_of_all() -> None:
    some, more = PoolPolicy(methods=("a.*", "b")), PoolPolicy(methods=("a.b", "c"))
    hub = Hub(Policy(pools=(("some", some), ("more", more))))
    client = hub.client()
    first, second = hub.worker("w1", pool="some"), hub.worker("w2", pool="more")
    for name in ("a.b", "b", "c", "d"):
        hub.call(client, name)
    assert [name for name, _ in hub.heard(first)] == ["a.b", "b", "d"]
    assert [name for name, _ in hub.heard(second)] == ["c"]


def test_a_worker_of_no_pool_that_is_there_is_drained_and_belongs_to_the_last() -> None:
    hub = Hub(Policy(pools=(("some", PoolPolicy(methods=("a",))), ("rest", PoolPolicy()))))
    client, stray = hub.client(), hub.worker("w1", pool="gone")
    for name in ("a", "b"):
        hub.call(client, name)
    assert hub.heard(stray) == []
    hub.deliver(hub.broker.undrain(stray, hub.now))
    assert [name for name, _ in hub.heard(stray)] == ["b"]


def test_a_worker_of_no_pool_in_particular_belongs_to_the_last() -> None:
    hub = Hub(Policy(pools=(("some", PoolPolicy(methods=("a",))), ("rest", PoolPolicy()))))
    client, worker = hub.client(), hub.worker()
    for name in ("a", "b"):
        hub.call(client, name)
    assert [name for name, _ in hub.heard(worker)] == ["b"]


def test_each_pool_has_a_queue_of_its_own() -> None:
    some, more = PoolPolicy(methods=("a",)), PoolPolicy(methods=("b",))
    hub = Hub(Policy(pools=(("some", some), ("more", more)), queue_max=1))
    client = hub.client()
    for name in ("a", "a", "b"):
        hub.call(client, name)
    assert [args[0] for _, args in hub.heard(client)] == ["Overloaded"]
    assert [len(pool.queue) for pool in hub.broker.switch.pools] == [1, 1]
