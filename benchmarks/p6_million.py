"""P6: a million calls, and whether memory at either end grows with them."""

from __future__ import annotations

from benchmarks import roster
from benchmarks.contest import RunFailed, entry, run_client, started
from benchmarks.peers.load import Load, Result
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.table import Cell, Table

_INFLIGHT = 100
# A million calls at a rate ten times below what is expected; it is no speed test.
_PATIENCE = 300.0
_MIB = 1 << 20


def run(plan: Plan) -> Report:
    """Compare resident memory after a tenth of the calls with that at the end."""
    report = Report("P6", "memory over many calls")
    one = entry(roster.OURS)
    load = Load("many", inflight=_INFLIGHT, calls=plan.many_calls)
    try:
        with started(one) as (endpoint, pid):
            load = Load("many", inflight=_INFLIGHT, calls=plan.many_calls, server_pid=pid)
            result = run_client(one, endpoint, load, seconds=_PATIENCE)
    except RunFailed as error:
        report.failures.append(str(error))
        return report
    rows: list[list[Cell]] = []
    for end in ("client", "server"):
        warm, last = result[f"{end} warm"], result[f"{end} end"]
        rows.append([end, warm / _MIB, last / _MIB, growth(result, end)])
        claim = Claim(f"RSS growth, {end}", growth(result, end), 2.0, 0.0, "%", is_ceiling=True)
        report.claims.append(claim)
    title = f"{plan.many_calls:,} calls, {_INFLIGHT} in flight"
    report.tables.append(Table(title, ["", "RSS MiB warm", "RSS MiB end", "growth %"], rows))
    return report


def growth(result: Result, end: str) -> float:
    """Give the growth of one end after warm-up, in per cent."""
    return (result[f"{end} end"] / result[f"{end} warm"] - 1) * 100
