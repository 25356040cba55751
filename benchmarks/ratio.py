"""The arithmetic of a comparison: medians of ratios, each ratio taken within one round.

A machine drifts by a third within minutes, so figures of different rounds are never divided
by each other. Pure: it knows nothing of processes or of what the figures mean.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

# One round: what each peer reached, measured one after another. An absent peer did not run.
Round = Mapping[str, float]


def median(rounds: Sequence[Round], peer: str) -> float | None:
    """Give the median figure of a peer, or None if it never ran."""
    figures = [each[peer] for each in rounds if peer in each]
    return statistics.median(figures) if figures else None


def ratio(rounds: Sequence[Round], peer: str, reference: str) -> float | None:
    """Give the median of peer / reference over the rounds in which both ran."""
    ratios = [each[peer] / each[reference] for each in rounds if {peer, reference} <= each.keys()]
    return statistics.median(ratios) if ratios else None


def best_other(rounds: Sequence[Round], peer: str, others: Sequence[str]) -> str | None:
    """Name the one of the others that comes nearest to `peer`, or is furthest ahead of it."""
    ratios = {other: ratio(rounds, other, peer) for other in others}
    known = {other: figure for other, figure in ratios.items() if figure is not None}
    return max(known, key=lambda other: known[other], default=None)


def alternated(names: Sequence[str], index: int) -> list[str]:
    """Give the order of a round: every second one backwards, so that a steady drift cancels."""
    return list(names) if index % 2 == 0 else list(reversed(names))
