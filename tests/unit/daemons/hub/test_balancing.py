"""Which worker gets the next call: the best of all by its balance, found without looking at all."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.balancing import Ladder, RoundRobin, balance, expected_wait, outstanding
from zerorpc_hub.calls import Call, Client, Worker
from zerorpc_hub.statistics import Method

CALL = Call(b"id", Client("c", "c", "in", {}), Method(b"m", 0, is_idempotent=False), [], 0.0)
Cost = Callable[[Worker, int], int]
KINDS = ["least-outstanding", "round-robin", "least-ewma"]


def workers(count: int, weight: int = 1) -> list[Worker]:
    crowd = [Worker(None, f"w{number}", "out", 0.0, weight=weight) for number in range(count)]
    for worker in crowd:
        worker.ewma = 0.001
    return crowd


def give(worker: Worker, calls: int = 1) -> None:
    for _ in range(calls):
        worker.calls[worker.number()] = CALL


def take(worker: Worker) -> None:
    worker.calls.popitem()


def filled(kind: str, crowd: list[Worker]) -> list[str]:
    """Let a balance choose as many times as there are workers; returns who got the calls."""
    chosen = balance(kind)
    for worker in crowd:
        chosen.add(worker)
    names = []
    for _ in crowd:
        best = chosen.choose(0.0)
        assert best is not None
        give(best)
        names.append(best.name)
    return names


def test_a_single_worker_is_not_looked_for_from_the_bottom_each_time() -> None:
    ladder = Ladder(outstanding)
    (worker,) = workers(1)
    ladder.add(worker)
    give(worker, 1000)
    ladder.moved(worker)
    assert ladder.choose(0.0) is worker
    assert ladder._lowest == worker.rung, "or each choice would pass a thousand empty rungs"
    take(worker)
    ladder.moved(worker)
    assert ladder.choose(0.0) is worker


def test_rungs_that_nobody_needs_any_more_are_given_back() -> None:
    ladder, (first, second) = Ladder(outstanding), workers(2)
    for worker in (first, second):
        ladder.add(worker)
        give(worker, 1000)
        ladder.moved(worker)
    ladder.tidy()
    assert len(ladder._rungs) == 1002
    for worker in (first, second):
        worker.calls.clear()
        ladder.moved(worker)
    ladder.tidy()
    assert len(ladder._rungs) == 2
    give(first)
    ladder.moved(first)
    assert ladder.choose(0.0) is second
    for worker in (first, second):
        ladder.discard(worker)
    ladder.tidy()
    ladder.add(first)
    assert ladder.choose(0.0) is first


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_chosen_where_nobody_is(kind: str) -> None:
    empty = balance(kind)
    assert empty.choose(0.5) is None
    (worker,) = workers(1)
    empty.add(worker)
    assert empty.choose(0.5) is worker
    empty.discard(worker)
    assert empty.choose(0.5) is None


@pytest.mark.parametrize("kind", KINDS)
def test_equals_get_one_each(kind: str) -> None:
    assert sorted(filled(kind, workers(5))) == ["w0", "w1", "w2", "w3", "w4"]


# -- least-outstanding and least-ewma ------------------------------------------------------------


@pytest.mark.parametrize("cost", [outstanding, expected_wait])
@pytest.mark.parametrize("seed", range(5))
def test_a_ladder_chooses_as_a_scan_of_all_would(cost: Cost, seed: int) -> None:
    dice, ladder = Random(seed), Ladder(cost)
    inside: list[Worker] = []
    outside = workers(9)
    for worker in outside:
        worker.ewma, worker.ratio = dice.choice((0.001, 0.004)), dice.choice((1, 1, 1.5, 3.0))
    for _ in range(3000):
        step = dice.random()
        if step < 0.1 and outside:
            inside.append(outside.pop(dice.randrange(len(outside))))
            ladder.add(inside[-1])
        elif step < 0.15 and inside:
            outside.append(inside.pop(dice.randrange(len(inside))))
            ladder.discard(outside[-1])
        elif step < 0.5 and any(worker.calls for worker in inside):
            busy = dice.choice([worker for worker in inside if worker.calls])
            take(busy)
            ladder.moved(busy)
        elif inside:
            best = ladder.choose(dice.random())
            assert best is not None
            costs = {worker: cost(worker, worker.load + 1) for worker in inside}
            assert costs[best] == min(costs.values())
            give(best)


def test_a_random_one_of_equals_is_chosen() -> None:
    chosen = set()
    for number in range(4):
        ladder = Ladder(outstanding)
        for worker in workers(4):
            ladder.add(worker)
        best = ladder.choose(number / 4)
        assert best is not None
        chosen.add(best.name)
    assert chosen == {"w0", "w1", "w2", "w3"}


def test_those_that_run_on_for_lost_clients_count_too() -> None:
    ladder, (first, second) = Ladder(outstanding), workers(2)
    ladder.add(first)
    ladder.add(second)
    first.orphans[b"1"] = first.orphans[b"2"] = CALL
    ladder.moved(first)
    give(second)
    ladder.moved(second)
    assert ladder.choose(0.0) is second


def test_the_cost_of_a_call_is_its_wait_behind_others() -> None:
    (worker,) = workers(1)
    assert [outstanding(worker, load) for load in (1, 2, 7)] == [1, 2, 7]
    worker.ratio = 2.5
    assert [outstanding(worker, load) for load in (1, 2, 7)] == [2, 5, 17]
    worker.ratio, worker.ewma = 1, 0.001
    one = expected_wait(worker, 1)
    assert expected_wait(worker, 2) - one == 8
    worker.ewma *= 4
    assert expected_wait(worker, 1) - one == 16


# -- round-robin ---------------------------------------------------------------------------------


def test_each_is_chosen_in_turn() -> None:
    turn, crowd = RoundRobin(), workers(3)
    for worker in crowd:
        turn.add(worker)
    assert [turn.choose(0.9) for _ in range(7)] == [*crowd, *crowd, crowd[0]]


def test_a_heavy_one_takes_several_in_a_row() -> None:
    turn, (light,), (heavy,) = RoundRobin(), workers(1), workers(1, weight=3)
    turn.add(light)
    turn.add(heavy)
    assert [turn.choose(0.0) for _ in range(5)] == [light, heavy, heavy, heavy, light]


def test_who_comes_back_is_last_and_begins_anew() -> None:
    turn, crowd = RoundRobin(), workers(3, weight=2)
    for worker in crowd:
        turn.add(worker)
    turn.choose(0.0)
    turn.discard(crowd[0])
    turn.add(crowd[0])
    first, second, third = crowd
    assert [turn.choose(0.0) for _ in range(6)] == [second, second, third, third, first, first]


def test_load_does_not_matter_to_turns() -> None:
    turn, (first, second) = RoundRobin(), workers(2)
    turn.add(first)
    turn.add(second)
    give(first, 100)
    turn.moved(first)
    assert turn.choose(0.0) is first


# -- what the EWMA learns ------------------------------------------------------------------------


def answered(hub: Hub, latency: dict[str, float], calls: int, name: str = "OK") -> dict[str, int]:
    """Let calls come one after the other; returns how many each worker got."""
    client, got = hub.client(), dict.fromkeys(latency, 0)
    dice = Random(1)
    for _ in range(calls):
        hub.random = dice.random()
        hub.call(client)
        ((worker, opening),) = [
            (worker, opening) for worker in hub.workers.values() for opening in hub.take(worker)
        ]
        got[worker.name] += 1
        hub.now += latency[worker.name]
        hub.answer(worker, opening, name, ["E", "", None] if name == "ERR" else [1])
    return got


def crowd_of(*names: str) -> Hub:
    hub = Hub(balance="least-ewma")
    for name in names:
        hub.worker(name)
    return hub


def test_a_slow_worker_gets_few_calls_and_all_others_their_share() -> None:
    got = answered(crowd_of("slow", "w1", "w2"), {"slow": 0.1, "w1": 0.01, "w2": 0.01}, 300)
    assert got["slow"] < 20
    assert got["w1"] == pytest.approx(got["w2"], rel=0.5)


def test_one_long_job_says_less_than_many_short_ones() -> None:
    hub = crowd_of("w1", "w2")
    answered(hub, {"w1": 0.01, "w2": 0.01}, 200)
    before = hub.workers["w1"].ewma
    hub.broker.pause(hub.workers["w2"])
    answered(hub, {"w1": 0.08}, 1)
    assert hub.workers["w1"].ewma < 1.4 * before


def test_fast_errors_attract_no_calls() -> None:
    hub = crowd_of("broken", "well")
    answered(hub, {"broken": 0.01, "well": 0.01}, 50)
    broken, well = hub.workers["broken"], hub.workers["well"]
    before = broken.ewma
    hub.broker.pause(well)
    answered(hub, {"broken": 0.0001, "well": 0.01}, 3, name="ERR")
    assert broken.ewma > 3 * before
    hub.deliver(hub.broker.resume(well, hub.now))
    assert answered(hub, {"broken": 0.01, "well": 0.01}, 10)["well"] == 10


def test_a_newcomer_is_believed_to_be_like_the_others() -> None:
    hub = crowd_of("w1")
    answered(hub, {"w1": 0.5}, 50)
    newcomer = hub.worker("w2")
    assert newcomer.ewma == pytest.approx(0.5, rel=0.1)


def test_who_was_slow_once_is_tried_again_after_a_time() -> None:
    hub = crowd_of("w1", "w2")
    answered(hub, {"w1": 0.01, "w2": 0.01}, 20)
    answered(hub, {"w1": 5.0, "w2": 0.01}, 10)
    assert answered(hub, {"w1": 0.01, "w2": 0.01}, 200)["w1"] == 0
    hub.wait(60)
    assert answered(hub, {"w1": 0.01, "w2": 0.01}, 20)["w1"] > 0
