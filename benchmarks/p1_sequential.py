"""P1: calls one after another, where the scheduler decides: unpinned, and both on one core."""

from __future__ import annotations

from benchmarks import machine, roster
from benchmarks.contest import contest, entries
from benchmarks.peers.load import Load
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.standings import against, standings

_PEERS = (roster.OURS, roster.STOCK, *roster.RIVALS, roster.RAW)


def run(plan: Plan) -> Report:
    """Measure both placements; the target is the libzmq driver's."""
    report = Report("P1", "call, 1 in flight")
    for placement, core in (("unpinned", None), ("both on one core", machine.first_core())):
        outcome = contest(entries(*_PEERS, core=core), Load("call"), plan)
        report.tables.append(standings(f"1 in flight, {placement}", outcome, "calls/s"))
        report.claims.append(
            against(f"1 in flight, {placement}", outcome, roster.STOCK, 3.0, stretch=8.0)
        )
        report.failures += outcome.failures
    return report
