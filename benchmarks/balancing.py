"""How long calls take by each balance, and how many hubs a worker should be connected to.

A simulation in virtual time of the broker itself: its figures are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random

from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.simulation import POLICIES, PULL, RANDOM, Case, Outcome, simulate
from benchmarks.table import Cell, Table

_SEED = 7
_MEAN_S = 0.01
_WORKERS = 8
# The spread of the logarithm: one job of a hundred takes eight times the mean and more.
_TAIL = 1.3
_STALLED, _STALL_S = 0.002, 0.5
# Enough for each to be a crowd of its own.
_WORKERS_OF_A_HUB = 156.25
_HUBS, _FEW_HUBS = (1, 4, 16, 64), (1, 4)
# Hubs that a worker is connected to; None: all.
_LINKS = (None, 4, 2, 1)
# A second and more of virtual time, in which queues come to the length that they keep.
_CALLS_OF_A_WORKER = 80
_LEAST = "least-outstanding"


def even(random: Random) -> float:
    """Take about as long as others do, as requests that arrive by chance do."""
    return random.expovariate(1 / _MEAN_S)


def heavy(random: Random) -> float:
    """Take long now and then: the same mean, most of it in a few jobs."""
    return random.lognormvariate(math.log(_MEAN_S) - _TAIL * _TAIL / 2, _TAIL)


def stalling(random: Random) -> float:
    """Stand still once in a while, as for a lock or a collector."""
    return _STALL_S if random.random() < _STALLED else even(random)


_CASES = {
    "equal, load 0.8": Case(even, 0.8, [1.0] * _WORKERS),
    "one worker 5 times slower, load 0.7": Case(even, 0.7, [1.0] * (_WORKERS - 1) + [0.2]),
    "heavy tail, load 0.7": Case(heavy, 0.7, [1.0] * _WORKERS),
    "0.2 % of jobs stall 500 ms, load 0.6": Case(stalling, 0.6, [1.0] * _WORKERS),
}


def run(plan: Plan) -> Report:
    """Simulate each case by each balance, then ever more hubs."""
    report = Report("balancing", "the broker in virtual time")
    outcomes = {
        title: {name: simulate(case, name, plan.simulated_calls, _SEED) for name in POLICIES}
        for title, case in _CASES.items()
    }
    rows = [[title, *map(p99, found.values())] for title, found in outcomes.items()]
    title = f"p99 ms of a call, {_WORKERS} workers, jobs of {_MEAN_S * 1e3:.0f} ms"
    report.tables.append(Table(title, ["", *POLICIES], rows))
    report.tables.append(_many_hubs(plan))
    report.claims += _claims(outcomes)
    report.notes += [
        f"seeded, {plan.simulated_calls:,} calls each; `random` and `two choices` are references",
        "a worker does one job at a time, in the order in which they come to it",
        "-: more comes to some worker than it can do, and its calls take ever longer",
    ]
    return report


def p99(outcome: Outcome) -> Cell:
    """Return what 99 % of the calls did not exceed, None where that grows without end."""
    return outcome.quantile_ms(0.99) if outcome.is_stable else None


def _many_hubs(plan: Plan) -> Table:
    """Show what becomes of a balance where each hub knows only of its own calls."""
    rows: list[list[Cell]] = []
    for hubs in _FEW_HUBS if plan.is_tiny else _HUBS:
        workers = int(hubs * (10 if plan.is_tiny else _WORKERS_OF_A_HUB))
        calls = max(plan.simulated_calls, 0 if plan.is_tiny else _CALLS_OF_A_WORKER * workers)
        cells: list[Cell] = [f"{hubs}", f"{workers:,}"]
        for links in _LINKS:
            is_new = hubs > (links or 0) if links != 1 else True
            case = Case(even, 0.7, [1.0] * workers, hubs, links)
            cells.append(p99(simulate(case, _LEAST, calls, _SEED)) if is_new else None)
        cells.append(p99(simulate(Case(even, 0.7, [1.0] * workers), RANDOM, calls, _SEED)))
        rows.append(cells)
    names = ["of all" if links is None else f"of {links}" for links in _LINKS]
    return Table(
        "p99 ms of a call, load 0.7, least-outstanding, each worker connected to hubs ...",
        ["hubs", "workers", *names, RANDOM],
        rows,
    )


def _claims(outcomes: Mapping[str, Mapping[str, Outcome]]) -> list[Claim]:
    equal, slower, tail, stalls = outcomes.values()
    return [
        Claim("p99, equal workers: random / least-outstanding", _ratio(equal, RANDOM, _LEAST), 2.0),
        Claim(
            "p99, a slow worker: least-outstanding / EWMA",
            _ratio(slower, _LEAST, "least-ewma"),
            1.2,
        ),
        Claim("p99, heavy tail: least-outstanding / pull", _ratio(tail, _LEAST, PULL), 1.1),
        Claim("p99, stalls: random / pull", _ratio(stalls, RANDOM, PULL), 5.0),
    ]


def _ratio(outcomes: Mapping[str, Outcome], one: str, other: str) -> float | None:
    return outcomes[one].quantile_ms(0.99) / outcomes[other].quantile_ms(0.99)
