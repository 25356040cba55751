"""P8: a hub between clients and workers, beside what else could stand there.

All peers get the same load from the same generator, with the same workers behind them. `zmq.proxy`
and the loop of `recv_multipart` forward message by message, which breaks a call of more than one
event as soon as there are two workers; HAProxy forwards the bytes of a connection to one worker.
Only the hub knows of calls.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from benchmarks import ratio
from benchmarks.contest import Outcome
from benchmarks.hub import crowds
from benchmarks.hub.arena import (
    DIRECT,
    HUB,
    MIDDLES,
    PROXY,
    Middle,
    Shape,
    absent,
    all_opened,
    compete,
    hub,
    under,
)
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.roster import OURS
from benchmarks.table import Cell, Table

_WORKERS = 4
_ALONE, _BUSY = Shape(1, 1), Shape(64, 16)
# As proxies are judged: one call at a time, ever deeper, and many clients.
_SHAPES = (_ALONE, Shape(1, 100), Shape(1, 1000), Shape(64, 1), _BUSY)
_LARGE = Shape(1, 8)
_TIMES = f"hub / {PROXY}"

# What a hub does when its file says so, or when callers ask for it: settings, and a script.
_FEATURES = {
    HUB: ("", "echo"),
    "round-robin": ("balance: round-robin", "echo"),
    "least-ewma": ("balance: least-ewma", "echo"),
    "max_inflight: 100": ("max_inflight: 100", "echo"),
    "all methods idempotent": ('idempotent: ["*"]', "echo"),
    "deadline in each call": ("", "deadline"),
    "two events each way": ("", "conversation"),
}
_LOAD = (
    f"C x W: C clients, each with W calls in flight; {_WORKERS} workers unless told; an echo of 70"
    " bytes, answered with 110; clients are one process and workers another, on plain sockets;"
    " nothing is pinned"
)
_ALWAYS = (
    "always on in the hub: stickiness, balancing, statistics, PINGs, questions that find busy"
    " workers, and the bounds of its queue, of messages and of connections"
)
_TINY_FEATURES = (HUB, "two events each way")


def run(plan: Plan) -> Report:
    """Measure the peers at every load, then the hub by itself: workers, features, crowds."""
    report = Report("P8", "a hub in the middle")
    report.notes += [f"skipped: {line}" for line in absent()]
    _small(plan, report)
    _large(plan, report)
    _workers(plan, report)
    _features(plan, report)
    crowds.measure(plan, report)
    report.notes += (_LOAD, _ALWAYS)
    report.failures = [owned(failure) for failure in report.failures]
    return report


def owned(failure: str) -> str:
    """Say of a failure that it is ours, unless it begins with the name of somebody else."""
    is_theirs = failure.partition(":")[0] in MIDDLES.keys() - {HUB}
    return failure if is_theirs else f"{OURS}: {failure}"


def _middles() -> list[Middle]:
    missing = {line.partition(":")[0] for line in absent()}
    return [middle for name, middle in MIDDLES.items() if name not in missing]


def _small(plan: Plan, report: Report) -> None:
    shapes = (_ALONE, _BUSY) if plan.is_tiny else _SHAPES
    middles = [(middle, "echo") for middle in _middles()]
    with all_opened(middles, _WORKERS, report.failures) as arenas:
        outcomes = {shape: compete(under(arenas, shape), plan) for shape in shapes}
    names = [middle.name for middle, _ in middles]
    between = [name for name in names if name != DIRECT]
    rates, waits, costs = _rows(), _rows(), _rows()
    for shape, outcome in outcomes.items():
        report.failures += outcome.failures
        times, added = ratio.ratio(outcome.figures(), HUB, PROXY), added_latency(outcome)
        rates.append([str(shape), *_medians(outcome, names, "rate"), times])
        latencies = _medians(outcome, names, "p50_us"), _medians(outcome, names, "p99_us")
        waits.append([str(shape), *latencies[0], added, *latencies[1]])
        ends = (outcome.median(DIRECT, key) for key in ("client_us", "worker_us"))
        costs.append([str(shape), *_medians(outcome, between, "middle_us"), *ends])
        report.claims.append(Claim(f"{shape}, calls/s: {_TIMES}", times, 0.5, 0.8))
        if shape == _ALONE:
            text = f"{shape}, p50 added to direct: {_TIMES}"
            report.claims.append(Claim(text, added, 1.5, is_ceiling=True))
    tails = [f"p99 {name}" for name in names]
    report.tables += [
        Table("calls/s", ["", *names, _TIMES], rates),
        Table("latency, us", ["p50", *names, f"added: {_TIMES}", *tails], waits),
        Table("CPU us of a call", ["", *between, "clients, direct", "workers, direct"], costs),
    ]


def _rows() -> list[list[Cell]]:
    return []


def _medians(outcome: Outcome, names: Iterable[str], key: str) -> list[Cell]:
    return [outcome.median(name, key) for name in names]


def added_latency(outcome: Outcome) -> float | None:
    """Give what the hub adds to the median latency over what the C proxy adds, by rounds."""
    ratios = [
        (each[HUB] - each[DIRECT]) / (each[PROXY] - each[DIRECT])
        for each in outcome.figures("p50_us")
        if {HUB, PROXY, DIRECT} <= each.keys() and each[PROXY] > each[DIRECT]
    ]
    return statistics.median(ratios) if ratios else None


def _large(plan: Plan, report: Report) -> None:
    chosen = [MIDDLES[name] for name in (HUB, PROXY)] if plan.is_tiny else _middles()
    middles = [(middle, "large") for middle in chosen]
    with all_opened(middles, _WORKERS, report.failures) as arenas:
        outcome = compete(under(arenas, _LARGE), plan)
    report.failures += outcome.failures
    names = [middle.name for middle, _ in middles]
    times = ratio.ratio(outcome.figures(), HUB, PROXY)
    rows: list[list[Cell]] = [
        ["MiB/s each way", *_medians(outcome, names, "rate"), times],
        ["CPU us in the middle", *_medians(outcome, names, "middle_us"), None],
    ]
    report.tables.append(Table(f"1 MiB echoed, {_LARGE}", ["", *names, _TIMES], rows))
    report.claims.append(Claim(f"1 MiB echo, {_LARGE}: {_TIMES}", times, 0.7))


def _workers(plan: Plan, report: Report) -> None:
    middles = [(MIDDLES[name], "echo") for name in (HUB, PROXY)]
    rows = _rows()
    for count in (64,) if plan.is_tiny else (1, 4, 64):
        with all_opened(middles, count, report.failures) as arenas:
            outcome = compete(under(arenas, _BUSY), plan)
        report.failures += outcome.failures
        figures = [_medians(outcome, (HUB, PROXY), key) for key in ("rate", "middle_us")]
        times = ratio.ratio(outcome.figures(), HUB, PROXY)
        rows.append([str(count), *figures[0], times, *figures[1]])
    columns = ["workers", HUB, PROXY, _TIMES, "CPU us hub", "CPU us proxy"]
    report.tables.append(Table(f"calls/s by number of workers, {_BUSY}", columns, rows))


def _features(plan: Plan, report: Report) -> None:
    names = _TINY_FEATURES if plan.is_tiny else tuple(_FEATURES)
    middles = [(hub(name, settings), script) for name, (settings, script) in _FEATURES.items()]
    chosen = [(middle, script) for middle, script in middles if middle.name in names]
    with all_opened(chosen, _WORKERS, report.failures) as arenas:
        outcome = compete(under(arenas, _BUSY), plan)
    report.failures += outcome.failures
    figures = outcome.figures()
    rows: list[list[Cell]] = [
        [
            name,
            outcome.median(name),
            ratio.ratio(figures, name, HUB),
            outcome.median(name, "events"),
            outcome.median(name, "middle_us"),
        ]
        for name in names
    ]
    columns = ["", "calls/s", "x default", "events/s", "CPU us of a call"]
    report.tables.append(Table(f"what features cost, {_BUSY}", columns, rows))
