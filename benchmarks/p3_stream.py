"""P3: a stream of small items, also between ours and stock in both directions."""

from __future__ import annotations

from benchmarks import roster
from benchmarks.contest import Entry, contest, entries
from benchmarks.peers.load import Load
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.standings import against, standings

_PEERS = (roster.OURS, roster.STOCK, roster.GRPC_SYNC, roster.GRPC_AIO, roster.RPYC)


def run(plan: Plan) -> Report:
    """Measure items per second of streams that are read to their end, one after another."""
    report = Report("P3", "stream of small items")
    ours, stock = roster.peer(roster.OURS), roster.peer(roster.STOCK)
    competing = entries(*_PEERS)
    if roster.STOCK in (each.label for each in competing):
        competing.append(Entry("our server, stock client", ours, stock))
        competing.append(Entry("stock server, our client", stock, ours))
    outcome = contest(competing, Load("stream", items=plan.stream_items), plan)
    report.tables.append(
        standings(f"streams of {plan.stream_items:,} items", outcome, "items/s", has_latency=False)
    )
    report.claims.append(against("stream", outcome, roster.STOCK, 12.0, stretch=30.0))
    report.failures += outcome.failures
    report.notes.append("RPyC has no credit: its iterator asks for 1,000 items at a time")
    return report
