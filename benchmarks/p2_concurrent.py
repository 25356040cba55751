"""P2: 100 and 1000 calls in flight from one client process."""

from __future__ import annotations

from benchmarks import roster
from benchmarks.contest import contest, entries
from benchmarks.peers.load import Load
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.standings import against, ahead_of, standings

_PEERS = (roster.OURS, roster.STOCK, *roster.RIVALS, roster.RAW)


def run(plan: Plan) -> Report:
    """Measure both depths; each peer keeps calls open in the way that is natural to it."""
    report = Report("P2", "calls in flight from one client process")
    for inflight in (100, 1000):
        outcome = contest(entries(*_PEERS), Load("call", inflight=inflight), plan)
        text = f"{inflight} in flight"
        report.tables.append(standings(text, outcome, "calls/s"))
        report.claims += [
            against(text, outcome, roster.STOCK, 15.0, stretch=22.0),
            ahead_of(text, outcome, roster.RIVALS),
        ]
        report.failures += outcome.failures
    report.notes.append(
        "ours and stock: a greenlet per call; grpcio sync and thriftpy2: a thread per call "
        "(thriftpy2 a connection too); nameko: threads with a proxy each, 100 at most, and a "
        "window on each; grpcio aio and Zero: a task per call (Zero a connection too); "
        "RPyC: async_ on one connection; raw pyzmq: a window on one DEALER"
    )
    return report
