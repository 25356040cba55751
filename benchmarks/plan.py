"""How long and how often to measure: the full size, and the tiny one that CI runs."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run; the defaults are the full one.

    `rounds` is what a median is taken over. `seconds` and `warmup` are of one client run.
    """

    rounds: int = 5
    seconds: float = 1.0
    warmup: float = 0.3
    stream_items: int = 10_000
    open_calls: int = 10_000
    many_calls: int = 1_000_000
    stall_calls: int = 50_000
    simulated_calls: int = 60_000
    is_tiny: bool = False


# Proves that every benchmark runs; its figures mean nothing.
TINY = replace(
    Plan(),
    rounds=1,
    seconds=0.1,
    warmup=0.02,
    stream_items=500,
    open_calls=200,
    many_calls=2_000,
    stall_calls=2_000,
    simulated_calls=1_000,
    is_tiny=True,
)
