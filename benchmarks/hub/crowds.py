"""What a hub costs when much waits in it or hangs on it: queued calls, workers, idle connections.

The question is not how fast it is but whether the time for one call stays what it was: whatever
looks at all of them for each call would show here.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence

from benchmarks import ratio
from benchmarks.contest import Outcome, RunFailed
from benchmarks.hub.arena import Shape, compete, hub, opened, start_ready
from benchmarks.peers import process
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.table import Cell, Table

# A call among many may cost so much more than among few: the processor's caches hold less of it.
_FLAT = 1.5
_CLIENTS, _WORKERS = 8, 4
# Few enough that nearly all calls of the deeper runs wait, enough to keep workers busy.
_RUNNING = 16
# One call at a time for each client, so that it is a message by itself whoever gets it.
_SINGLE = Shape(64, 1)
_REST_S = 2.0


def measure(plan: Plan, report: Report) -> None:
    """Add what was measured to a report; one that fails does not hide the others."""
    for part in (_queued, _workers, _idle):
        try:
            part(plan, report)
        except RunFailed as error:
            report.failures.append(str(error))


def _queued(plan: Plan, report: Report) -> None:
    """Keep ever more calls waiting behind the same few workers."""
    most = plan.open_calls
    settings = f"max_inflight: {_RUNNING}\nqueue: {{max: {2 * most}}}\n"
    counts = (most // 100, most) if plan.is_tiny else (most // 100, most // 10, most)
    shapes = [Shape(_CLIENTS, (n + _WORKERS * _RUNNING) // _CLIENTS) for n in counts]
    with opened(hub(settings=settings), "deadline", _WORKERS) as arena:
        runs = {str(n): (arena, shape) for n, shape in zip(counts, shapes, strict=True)}
        outcome = compete(runs, plan)
    _tell("calls waiting in the queue, each with a deadline", counts, outcome, report)


def _workers(plan: Plan, report: Report) -> None:
    """Spread the same calls over ever more workers."""
    # No fewer than calls are open: several to one worker share a system call.
    counts = (64, 100 if plan.is_tiny else 1000)
    with contextlib.ExitStack() as stack:
        arenas = [stack.enter_context(opened(hub(), "echo", n)) for n in counts]
        runs = {str(n): (arena, _SINGLE) for n, arena in zip(counts, arenas, strict=True)}
        outcome = compete(runs, plan)
    _tell(f"workers, {_SINGLE}", counts, outcome, report)


def _idle(plan: Plan, report: Report) -> None:
    """Have thousands of clients connect to one of two hubs, and say nothing."""
    count = plan.open_calls // 2
    with contextlib.ExitStack() as stack:
        alone, crowded = (stack.enter_context(opened(hub(), "echo", _WORKERS)) for _ in range(2))
        pid = crowded.middle_pid
        before = process.rss_bytes(pid)
        program = [sys.executable, "-m", "benchmarks.hub.idlers", crowded.endpoint, str(count)]
        start_ready(stack, "idle clients", program)
        size = (process.rss_bytes(pid) - before) / count
        rest = 0.1 if plan.is_tiny else _REST_S
        spent = process.cpu_seconds(pid)
        time.sleep(rest)
        upkeep = (process.cpu_seconds(pid) - spent) / rest
        outcome = compete({"0": (alone, _SINGLE), str(count): (crowded, _SINGLE)}, plan)
    for results in outcome.rounds:
        # What they cost by themselves, each second, is told apart from what they add to a call.
        if crowd := results.get(str(count)):
            crowd["middle_us"] -= upkeep / crowd["rate"] * 1e6
    _tell(f"idle connections, {_SINGLE}", (0, count), outcome, report)
    report.notes.append(
        f"an idle connection takes {size / 1024:.1f} KiB of the hub, and {count:,} of them, pinged "
        f"every second, {upkeep:.0%} of a core, which is not in the figures of a call beside them"
    )


def _tell(what: str, counts: Sequence[int], outcome: Outcome, report: Report) -> None:
    """Add a row for each number of them, and the claim that it makes no difference."""
    few, many = str(counts[0]), str(counts[-1])
    costs = outcome.figures("middle_us")
    rows: list[list[Cell]] = [
        [
            f"{count:,}",
            outcome.median(str(count)),
            outcome.median(str(count), "middle_us"),
            ratio.ratio(costs, str(count), few),
        ]
        for count in counts
    ]
    report.failures += outcome.failures
    report.tables.append(Table(what, ["", "calls/s", "CPU us of a call", f"x {few}"], rows))
    times = ratio.ratio(costs, many, few)
    text = f"CPU of a call, {counts[-1]:,} / {counts[0]:,} {what}"
    report.claims.append(Claim(text, times, _FLAT, is_ceiling=True))
