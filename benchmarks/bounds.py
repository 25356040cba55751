"""The bounds in milliseconds that we promise, and what single features cost.

The test suite asserts the causes with generous limits; here the instants themselves are measured.
"""

from __future__ import annotations

import functools
import os
import signal
import statistics
import time

from benchmarks import roster
from benchmarks.contest import (
    Entry,
    Outcome,
    RunFailed,
    contest,
    entries,
    run_client,
    started,
)
from benchmarks.peers.load import Load, Result
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.standings import against
from benchmarks.table import Cell, Table

_OPEN = 100
_INTERVALS = (0.2, 1.0)
_FEATURES = (roster.HOOKED, roster.UNWATCHED)


def run(plan: Plan) -> Report:
    """Measure each bound in turn; one that fails to be measured does not hide the others."""
    report = Report("bounds", "promises in milliseconds, and what features cost")
    for measure in (_broken, _silent, _stalls, _features, _statistics):
        try:
            measure(plan, report)
        except RunFailed as error:
            report.failures.append(str(error))
    return report


def _entry() -> Entry:
    peer = roster.peer(roster.BOUNDS)
    return Entry(peer.name, peer, peer)


def _run(load: Load, heartbeat: float = 5.0, number: int | None = None) -> Result:
    """Run one client against a server of its own, which gets a signal when the client waits.

    The result then has the instant of the signal as `acted_at`.
    """
    entry, environment = _entry(), {"BENCH_HEARTBEAT": str(heartbeat)}
    instants = []
    with started(entry, environment) as (endpoint, pid):

        def act(number: int) -> None:
            os.kill(pid, number)
            instants.append(time.monotonic())

        waiting = None if number is None else functools.partial(act, number)
        result = run_client(entry, endpoint, load, environment, when_waiting=waiting)
    return {**result, "acted_at": instants[0]} if instants else result


def _broken(plan: Plan, report: Report) -> None:
    """Kill the server of open calls, and see when the last of them ends."""
    delays = []
    for _ in range(plan.rounds):
        result = _run(Load("broken", inflight=_OPEN), number=signal.SIGKILL)
        delays.append((result["lost_at"] - result["acted_at"]) * 1e3)
    text = f"server killed: the last of {_OPEN} open calls ends in LostRemote after"
    delay = statistics.median(delays)
    report.claims.append(Claim(text, delay, 50.0, 10.0, "ms", is_ceiling=True))


def _silent(plan: Plan, report: Report) -> None:
    """Stop the server without breaking the connection, and see when it counts as lost."""
    for interval in _INTERVALS[: 1 if plan.is_tiny else None]:
        results = [_run(Load("silent"), interval, signal.SIGSTOP) for _ in range(plan.rounds)]
        waits = [result["silent_intervals"] for result in results]
        text = f"server stopped: LostRemote after, heartbeat {interval} s"
        report.claims += [
            Claim(f"{text}, shortest", min(waits), 2.0, unit="intervals"),
            Claim(f"{text}, longest", max(waits), 3.0, unit="intervals", is_ceiling=True),
        ]


def _stalls(plan: Plan, report: Report) -> None:
    """Call at several depths: a wake-up that gets lost shows as a call of a second or more."""
    result = _run(Load("stalls", calls=plan.stall_calls))
    depths = [name.removeprefix("max ") for name in result if name.startswith("max ")]
    rows: list[list[Cell]] = [[d, result[f"p50 {d}"], result[f"max {d}"]] for d in depths]
    title = f"latency of {plan.stall_calls:,} calls at each depth"
    report.tables.append(Table(title, ["in flight", "p50 ms", "max ms"], rows))
    longest = max(result[f"max {depth}"] for depth in depths)
    report.claims.append(
        Claim("longest call, 1 to 100 in flight", longest, 1000.0, 100.0, "ms", is_ceiling=True)
    )


def _features(plan: Plan, report: Report) -> None:
    """Compare ours with a feature more or less, at 100 in flight and so at full load."""
    outcome = contest(entries(roster.OURS, *_FEATURES), Load("call", inflight=100), plan)
    report.failures += outcome.failures
    rows: list[list[Cell]] = [_costs(outcome, name) for name in (roster.OURS, *_FEATURES)]
    columns = ["", "calls/s", "client CPU us", "server CPU us"]
    report.tables.append(Table("features, 100 in flight", columns, rows))
    report.claims.append(
        against("watchdog thread", outcome, roster.UNWATCHED, 0.97, entry=roster.OURS)
    )
    report.claims.append(against("one hook", outcome, roster.OURS, 0.9, entry=roster.HOOKED))


def _costs(outcome: Outcome, name: str) -> list[Cell]:
    return [name, *(outcome.median(name, key) for key in ("rate", "client_us", "server_us"))]


def _statistics(plan: Plan, report: Report) -> None:
    """Time the asking; counting is part of every call, and in every figure here."""
    result = _run(Load("statistics", calls=plan.stall_calls))
    report.notes.append(f"`client.statistics()` takes {result['us']:.1f} us")
