"""P5: what a call costs in memory while it is open, and whether 10,000 at once work."""

from __future__ import annotations

import dataclasses

from benchmarks import roster
from benchmarks.contest import RunFailed, entry, run_client, started
from benchmarks.peers.load import Load, Result
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.table import Cell, Table

# Stock holds three greenlets and three queues per call and end: as many as ours would not fit.
_STOCK_SHARE = 20
_BOUND, _STRETCH = 1536, 819  # 1.5 KiB and 0.8 KiB
_TRACED = {"PYTHONTRACEMALLOC": "1"}
_ENDS = ("client", "server")
# What this file allocates is the greenlet itself, which is told apart from the channel.
_GREENLETS = "transport/workers.py"


def run(plan: Plan) -> Report:
    """Hold calls open twice: once for resident memory, once with every allocation traced.

    Bytes of channel are those that the library's own files allocated while the calls were
    opened; resident memory has the greenlet that waits or runs as well.
    """
    report = Report("P5", "memory of an open call")
    rows: list[list[Cell]] = []
    for name in roster.present(roster.OURS, roster.STOCK):
        calls = plan.open_calls // (_STOCK_SHARE if name == roster.STOCK else 1)
        try:
            plain, traced = _hold(name, calls, {}), _hold(name, calls, _TRACED)
        except RunFailed as error:
            report.failures.append(str(error))
            continue
        rows.append(_row(name, calls, plain, traced))
        if name == roster.OURS:
            report.claims += _claims(plain, traced, plan.open_calls)
            report.tables.append(_by_file(traced))
    columns = ["", "calls open", "answered"]
    columns += [f"{end} {what}" for end in _ENDS for what in ("channel B", "RSS B")]
    report.tables.insert(0, Table("bytes per open call, at each end", columns, rows))
    report.notes.append(
        "RSS less channel is the greenlet that runs (server); the client's calls are `async_`, "
        "which takes no greenlet with ours and one per call with stock"
    )
    return report


def _hold(name: str, calls: int, environment: dict[str, str]) -> Result:
    one = entry(name)
    with started(one, environment) as (endpoint, pid):
        load = Load("open", calls=calls)
        return run_client(one, endpoint, dataclasses.replace(load, server_pid=pid), environment)


def channel_bytes(traced: Result, end: str) -> float:
    """Add up what the library's files allocated per call at one end, but for greenlets."""
    files = [name for name in traced if name.startswith(end + " ") and name.endswith(".py")]
    return sum(traced[name] for name in files if not name.endswith(_GREENLETS))


def _row(name: str, calls: int, plain: Result, traced: Result) -> list[Cell]:
    row: list[Cell] = [name, calls, plain["answered"]]
    for end in _ENDS:
        row += [channel_bytes(traced, end), plain[f"{end} rss"]]
    return row


def _claims(plain: Result, traced: Result, calls: int) -> list[Claim]:
    claims = [
        Claim(
            f"channel of an open call, {end}",
            channel_bytes(traced, end),
            _BOUND,
            _STRETCH,
            unit="B",
            is_ceiling=True,
        )
        for end in _ENDS
    ]
    return [*claims, Claim("calls open at once and answered", plain["answered"], calls, unit="")]


def _by_file(traced: Result) -> Table:
    sizes = {name: size for name, size in traced.items() if name.endswith(".py") and size >= 1}
    rows: list[list[Cell]] = [
        [name, sizes[name]] for name in sorted(sizes, key=lambda name: -sizes[name])
    ]
    return Table("ours: bytes per open call, by the file that allocated them", ["", "B"], rows)
