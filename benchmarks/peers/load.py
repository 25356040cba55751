"""How a client is loaded, and how one run is told in numbers.

Every peer is driven through the same few loops, so that they differ in nothing but themselves.
A loop takes the seconds it may last and returns the nanoseconds that each call took.
Standard library only: this runs under the interpreter of any peer.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import process

# What every peer echoes and streams: short, so that the figure is the peer's own cost.
TEXT = "hello pycon"

Run = Callable[[float], list[int]]
Result = dict[str, float]


@dataclass(frozen=True)
class Load:
    """What one client run does; the harness gives it on the command line."""

    mode: str
    inflight: int = 1
    seconds: float = 1.0
    warmup: float = 0.3
    items: int = 10_000
    size_bytes: int = 1 << 20
    calls: int = 0
    server_pid: int = 0


def percentile(ordered: Sequence[int], share: float) -> int:
    """Give the value below which `share` of the ordered values lie (nearest rank)."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(load: Load, run: Run, weight: int = 1) -> Result:
    """Warm up, run once for `load.seconds`, and tell it; one span counts as `weight` units."""
    run(load.warmup)
    server = process.cpu_seconds(load.server_pid)
    client, started = time.process_time(), time.perf_counter()
    spans = run(load.seconds)
    elapsed = time.perf_counter() - started
    client = time.process_time() - client
    server = process.cpu_seconds(load.server_pid) - server
    return tell(spans, elapsed, client, server, weight)


def tell(spans: list[int], elapsed: float, client: float, server: float, weight: int = 1) -> Result:
    """Turn the spans of a run (ns) and its CPU seconds at both ends into one result."""
    units = len(spans) * weight
    spans.sort()
    return {
        "units": units,
        "rate": units / elapsed,
        "p50_us": percentile(spans, 0.5) / 1e3,
        "p99_us": percentile(spans, 0.99) / 1e3,
        "max_us": spans[-1] / 1e3,
        "client_us": client / units * 1e6,
        "server_us": server / units * 1e6,
    }


def in_turn(call: Callable[[], object]) -> Run:
    """Call again and again, one at a time."""

    def run(seconds: float) -> list[int]:
        spans: list[int] = []
        _until(call, _deadline(seconds), spans)
        return spans

    return run


def in_threads(calls: Sequence[Callable[[], object]]) -> Run:
    """Keep one call open in a thread per callable: how blocking clients work in parallel."""

    def run(seconds: float) -> list[int]:
        spans: list[int] = []
        arguments = [(call, _deadline(seconds), spans) for call in calls]
        threads = [threading.Thread(target=_until, args=each) for each in arguments]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return spans

    return run


def in_tasks(
    loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[object]], inflight: int
) -> Run:
    """Keep `inflight` calls open, each in an asyncio task of its own."""

    async def one(deadline: int, spans: list[int]) -> None:
        clock = time.perf_counter_ns
        start = clock()
        while True:
            await call()
            now = clock()
            spans.append(now - start)
            if now >= deadline:
                return
            start = now

    async def all_of_them(seconds: float) -> list[int]:
        spans: list[int] = []
        deadline = _deadline(seconds)
        await asyncio.gather(*(one(deadline, spans) for _ in range(inflight)))
        return spans

    return lambda seconds: loop.run_until_complete(all_of_them(seconds))


def in_greenlets(
    spawn: Callable[..., Any], join: Callable[[list[Any]], object], inflight: int
) -> Callable[[Callable[[], object]], Run]:
    """Keep `inflight` calls open, each in a greenlet; `spawn` and `join` are gevent's own."""

    def driver(call: Callable[[], object]) -> Run:
        def run(seconds: float) -> list[int]:
            spans: list[int] = []
            deadline = _deadline(seconds)
            join([spawn(_until, call, deadline, spans) for _ in range(inflight)])
            return spans

        return run

    return driver


def in_window(issue: Callable[[], Any], collect: Callable[[Any], object], inflight: int) -> Run:
    """Keep `inflight` calls open from one thread: issue, and collect the oldest."""

    def run(seconds: float) -> list[int]:
        clock = time.perf_counter_ns
        spans: list[int] = []
        deadline = _deadline(seconds)
        pending = deque((clock(), issue()) for _ in range(inflight))
        while pending:
            start, handle = pending.popleft()
            collect(handle)
            now = clock()
            spans.append(now - start)
            if now < deadline:
                pending.append((now, issue()))
        return spans

    return run


def side_by_side(runs: Sequence[Run]) -> Run:
    """Do several runs at once, each in a thread of its own."""

    def run(seconds: float) -> list[int]:
        with ThreadPoolExecutor(len(runs)) as pool:
            spans = list(pool.map(lambda each: each(seconds), runs))
        return [span for each in spans for span in each]

    return run


def _deadline(seconds: float) -> int:
    return time.perf_counter_ns() + int(seconds * 1e9)


def _until(call: Callable[[], object], deadline: int, spans: list[int]) -> None:
    # At least one call each, so that a run on a busy machine has something to tell.
    clock = time.perf_counter_ns
    start = clock()
    while True:
        call()
        now = clock()
        spans.append(now - start)
        if now >= deadline:
            return
        start = now
