"""Heartbeats where they are easily lost: busy handlers, silent streams, and missed wake-ups."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import gevent

import zerorpc
from tests.integration.faults.outcome import VALUE, Calls, Outcome, kinds, outcome_of
from tests.integration.faults.processes import PATIENCE, ServerProcess, wait_until
from tests.integration.faults.server_faults import running
from tests.integration.faults.size import Facts, Size

BUSY_S = 4.0
INTERVAL = 1.0
STALL_S = 1.0  # what a missed edge costs stock; a whole second is far beyond any honest wait


def busy_handlers(size: Size) -> Facts:
    """`time.sleep(4)` and a loop of 4 s under a heartbeat of 1 s: nobody loses the server."""
    outcomes = []
    for _ in range(size.count(10, 1)):
        jobs = [functools.partial(_keep_busy, method) for method in ("block", "spin")]
        for started in [Calls([job]) for job in jobs]:
            outcomes += started.outcomes(PATIENCE)
    assert kinds(outcomes) == {VALUE: len(outcomes)}
    return {"busy_s": BUSY_S, "interval_s": INTERVAL, "handlers": len(outcomes)}


def _keep_busy(method: str) -> None:
    """Have a server's process busy while another client, and another call, wait for it."""
    with (
        ServerProcess(heartbeat=INTERVAL) as server,
        zerorpc.Client(server.endpoint, heartbeat=INTERVAL) as caller,
        zerorpc.Client(server.endpoint, heartbeat=INTERVAL) as other,
    ):
        waiting = Calls([functools.partial(other.slow, BUSY_S + INTERVAL)])
        wait_until(lambda: running(caller) == 1, "the other client's call runs")
        outcomes = Calls([functools.partial(caller, method, BUSY_S)]).outcomes(PATIENCE)
        outcomes += waiting.outcomes(PATIENCE)
        assert kinds(outcomes) == {VALUE: 2}, outcomes


def silent_stream(size: Size) -> Facts:
    """Long polling: a stream silent for many heartbeats lives, and `timeout` does not end it."""
    interval = size.seconds(5.0, 0.3)
    silence = 8 * interval
    with (
        ServerProcess(heartbeat=interval) as server,
        zerorpc.Client(server.endpoint, heartbeat=interval, timeout=interval) as client,
    ):
        assert list(client.silent(silence)) == ["before", "after"]
    return {"interval_s": interval, "silent_s": silence}


def wake_ups(size: Size) -> Facts:
    """Sends and receives in every rhythm: no call ever waits for a poll interval.

    The server is blocked now and then, so that its watchdog sends and uses up the edge of the file
    descriptor; a second thread with a client of its own keeps the interpreter switching.
    """
    seconds = size.seconds(60.0, 1.2)
    slowest: dict[str, float] = {}
    with ServerProcess() as server:
        for greenlets in (1, 4, 1000):
            slowest[f"{greenlets}_s"] = _hammer(server.endpoint, greenlets, seconds)
        thread = threading.Thread(
            target=lambda: slowest.update(thread_s=_hammer(server.endpoint, 4, seconds))
        )
        thread.start()
        slowest["beside_thread_s"] = _hammer(server.endpoint, 4, seconds)
        wait_until(lambda: not thread.is_alive(), "the thread has ended")
    with ServerProcess(heartbeat=_BLOCKED_INTERVAL) as server:
        slowest["beside_block_s"] = _hammer(server.endpoint, 4, seconds, _BLOCKED_INTERVAL)
    assert "thread_s" in slowest
    worst = max(slowest.values())
    assert worst < STALL_S, f"a call waited as long as a lost wake-up takes: {slowest}"
    return slowest


_BLOCKED_INTERVAL = 0.2


def _hammer(endpoint: str, greenlets: int, seconds: float, interval: float = 5.0) -> float:
    """Call, stream and push credit from many greenlets; returns the slowest call's time."""
    slowest, bad = 0.0, list[Outcome]()
    ends = time.monotonic() + seconds
    with zerorpc.Client(endpoint, heartbeat=interval, timeout=PATIENCE) as client:

        def repeat(call: Callable[[], Any]) -> None:
            nonlocal slowest
            while time.monotonic() < ends and not bad:
                outcome = outcome_of(call)
                slowest = max(slowest, outcome.seconds)
                if outcome.kind != VALUE:
                    bad.append(outcome)

        jobs: list[Callable[[], Any]] = [functools.partial(client.echo, 1)] * greenlets
        jobs.append(lambda: sum(client.count(200)))
        if interval == _BLOCKED_INTERVAL:
            jobs.append(lambda: client.block(1.5 * interval))
        Calls([functools.partial(repeat, job) for job in jobs]).outcomes(seconds + PATIENCE)
    assert not bad, bad[0]
    return slowest


def fast_reader(size: Size) -> Facts:
    """Reading a stream as fast as it comes leaves turns to the other greenlets of the process."""
    items, gap = size.count(1_000_000, 60_000), 0.005
    late: list[float] = []

    def tick() -> None:
        while True:
            began = time.monotonic()
            gevent.sleep(gap)
            late.append(time.monotonic() - began - gap)

    with ServerProcess() as server, zerorpc.Client(server.endpoint) as client:
        ticking = gevent.spawn(tick)
        began = time.monotonic()
        assert sum(1 for _ in client.count(items)) == items
        took = time.monotonic() - began
        ticking.kill()
    late.sort()
    p99 = late[int(len(late) * 0.99)]
    assert len(late) * 0.05 > took / 2, f"{len(late)} turns of {gap} s in {took:.1f} s"
    size.within(p99, 0.02, "p99 of how late another greenlet was")
    return {"items_per_s": items / took, "late_p99_s": p99, "late_worst_s": late[-1]}


SCENARIOS = (busy_handlers, silent_stream, wake_ups, fast_reader)
