"""A contest as a table: rate, ratio to the reference, latency and CPU time, by entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks import ratio, roster
from benchmarks.contest import Outcome
from benchmarks.report import Claim
from benchmarks.table import Cell, Table

_COSTS = ("client_us", "server_us")
_LATENCIES = ("p50_us", "p99_us")


def standings(title: str, outcome: Outcome, unit: str, has_latency: bool = True) -> Table:
    """Rank every entry that ran, the fastest first; figures are medians over the rounds."""
    keys = (*(_LATENCIES if has_latency else ()), *_COSTS)
    labels = sorted(_labels(outcome), key=lambda label: -(outcome.median(label) or 0.0))
    names = {"p50_us": "p50 us", "p99_us": "p99 us"}
    names |= {"client_us": "client CPU us", "server_us": "server CPU us"}
    columns = ["", unit, "x stock", *(names[key] for key in keys), "CPU x stock"]
    return Table(title, columns, [_row(outcome, label, keys) for label in labels])


def against(
    text: str,
    outcome: Outcome,
    reference: str,
    bound: float,
    stretch: float | None = None,
    entry: str = roster.OURS,
) -> Claim:
    """Claim a ratio of one entry, ours unless told, to another."""
    measured = ratio.ratio(outcome.figures(), entry, reference)
    return Claim(f"{text}: {entry} / {reference}", measured, bound, stretch)


def ahead_of(text: str, outcome: Outcome, others: Sequence[str]) -> Claim:
    """Claim that we are ahead of each of the others: the ratio to the nearest one."""
    figures = outcome.figures()
    nearest = ratio.best_other(figures, roster.OURS, others)
    measured = ratio.ratio(figures, roster.OURS, nearest) if nearest else None
    return Claim(f"{text}: ours / best rival ({nearest or 'none ran'})", measured, 1.0)


def _labels(outcome: Outcome) -> list[str]:
    seen: dict[str, None] = {}
    for each in outcome.rounds:
        seen.update(dict.fromkeys(each))
    return list(seen)


def _row(outcome: Outcome, label: str, keys: Iterable[str]) -> list[Cell]:
    times = ratio.ratio(outcome.figures(), label, roster.STOCK)
    figures = [outcome.median(label, key) for key in keys]
    return [label, outcome.median(label), times, *figures, _thrift(outcome, label)]


def _thrift(outcome: Outcome, label: str) -> float | None:
    """Tell how many times less CPU time than stock both ends take together, for one unit."""
    rounds = [
        {name: sum(result[key] for key in _COSTS) for name, result in each.items()}
        for each in outcome.rounds
    ]
    return ratio.ratio(rounds, roster.STOCK, label)
