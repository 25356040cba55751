"""The simulation of hubs: it tells what queueing theory says where that has a formula."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks import balancing
from benchmarks.balancing import even, heavy, p99, stalling
from benchmarks.plan import TINY
from benchmarks.simulation import (
    POLICIES,
    PULL,
    RANDOM,
    Case,
    Job,
    Outcome,
    answer,
    opening,
    simulate,
)
from zerorpc.wire import Codec

_CALLS = 6_000


def mean_ms(outcome: Outcome) -> float:
    return sum(outcome.latencies) / len(outcome.latencies) * 1e3


def test_its_events_are_events() -> None:
    codec = Codec()
    first, last = codec.decode(opening(12)), codec.decode(answer(12))
    assert first.header["message_id"] == last.header["response_to"] == b"%032d" % 12
    assert (first.name, last.name) == ("job", "OK")


@pytest.mark.parametrize("job", [even, heavy, stalling])
def test_jobs_take_ten_milliseconds_on_average(job: Job) -> None:
    dice = Random(3)
    mean = sum(job(dice) for _ in range(40_000)) / 40_000
    assert mean == pytest.approx(0.011 if job is stalling else 0.01, rel=0.08)


@pytest.mark.parametrize("policy", [*POLICIES[:2], "least-outstanding", PULL])
def test_one_worker_makes_calls_wait_as_the_formula_says(policy: str) -> None:
    outcome = simulate(Case(even, 0.5, [1.0]), policy, _CALLS, seed=1)
    # M/M/1: the length of a job, divided by what the worker has left.
    assert mean_ms(outcome) == pytest.approx(10 / (1 - 0.5), rel=0.15)
    assert outcome.is_stable


def test_all_policies_get_the_same_calls() -> None:
    case = Case(even, 0.5, [1.0])
    found = [simulate(case, policy, 500, seed=1).latencies for policy in POLICIES[:2]]
    assert found[0] == pytest.approx(found[1])


def test_one_seed_is_one_outcome() -> None:
    case = Case(heavy, 0.7, [1.0] * 4, hubs=2)
    assert simulate(case, "least-ewma", 500, 5) == simulate(case, "least-ewma", 500, 5)


def test_workers_that_pull_leave_nobody_idle() -> None:
    # Eight at load 0.8 wait 10 / (8 * 0.2) ms times 0.42, which is Erlang's C, beside the job.
    outcome = simulate(Case(even, 0.8, [1.0] * 8), PULL, 3 * _CALLS, seed=2)
    assert mean_ms(outcome) == pytest.approx(10 + 6.25 * 0.42, rel=0.1)


def test_more_than_can_be_done_is_noticed() -> None:
    outcome = simulate(Case(even, 0.7, [1.0] * 7 + [0.2]), RANDOM, _CALLS, seed=1)
    assert not outcome.is_stable
    assert p99(outcome) is None


def test_hubs_of_their_own_do_as_well_as_one() -> None:
    apart = simulate(Case(even, 0.7, [1.0] * 32, hubs=4, links=1), PULL, _CALLS, seed=1)
    alone = simulate(Case(even, 0.7, [1.0] * 8), PULL, _CALLS, seed=1)
    shared = simulate(Case(even, 0.7, [1.0] * 32, hubs=4), PULL, _CALLS, seed=1)
    assert apart.quantile_ms(0.99) == pytest.approx(alone.quantile_ms(0.99), rel=0.2)
    assert shared.quantile_ms(0.99) > 1.2 * apart.quantile_ms(0.99)


def test_the_smallest_run_fills_both_tables() -> None:
    report = balancing.run(TINY)
    assert [len(table.rows) for table in report.tables] == [4, 2]
    assert all(claim.measured for claim in report.claims)
