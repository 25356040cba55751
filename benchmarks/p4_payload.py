"""P4: 1 MiB echoed, one at a time: what copies cost."""

from __future__ import annotations

from benchmarks import roster
from benchmarks.contest import contest, entries
from benchmarks.peers.load import Load
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.standings import against, standings

_PEERS = (roster.OURS, roster.STOCK, *roster.RIVALS, roster.RAW, roster.RAW_PACKED)


def run(plan: Plan) -> Report:
    """Measure echoes of 1 MiB per second, so that a unit is a MiB each way."""
    report = Report("P4", "1 MiB payload echo")
    outcome = contest(entries(*_PEERS), Load("payload", size_bytes=1 << 20), plan)
    report.tables.append(standings("1 MiB echo, 1 in flight", outcome, "MiB/s each way"))
    report.claims += [
        against("1 MiB echo", outcome, roster.RAW_PACKED, 0.8, stretch=0.95),
        against("1 MiB echo", outcome, roster.ZERO, 1.0),
        against("1 MiB echo", outcome, roster.STOCK, 2.6, stretch=4.0),
    ]
    report.failures += outcome.failures
    report.notes.append(
        f"{roster.RAW_PACKED} packs and unpacks an event at both ends, as every RPC has to: "
        "the same copies; raw pyzmq echoes the frame as it is"
    )
    return report
