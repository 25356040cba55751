"""Ours as the bounds in milliseconds need it: calls that end badly, and the longest of many.

BENCH_HEARTBEAT in the environment is the interval at both ends. A mode that waits for something
to be done to its server says so with the line `waiting` first; instants are of CLOCK_MONOTONIC,
which all processes of a machine share.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent

import zerorpc
from benchmarks.peers.load import TEXT, Load, Result, percentile
from benchmarks.peers.zerorpc_api import Service

_HEARTBEAT = float(os.environ.get("BENCH_HEARTBEAT", "5"))
# Items this close together make the last one received a good sign of when the server stopped.
_TICK = 0.002
_DEPTHS = (1, 3, 10, 30, 100)


class _TickingService(Service):
    """The service of every zerorpc peer, with a stream that never ends."""

    @zerorpc.stream
    def ticks(self) -> Iterator[int]:
        """Yield numbers for ever, one every few milliseconds."""
        number = 0
        while True:
            yield number
            number += 1
            gevent.sleep(_TICK)


def serve(endpoint: str) -> None:
    """Serve until killed."""
    server = zerorpc.Server(_TickingService(), heartbeat=_HEARTBEAT)
    server.bind(endpoint)
    server.run()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run."""
    client = zerorpc.Client(endpoint, heartbeat=_HEARTBEAT)
    client.echo(TEXT)
    try:
        return _MODES[load.mode](client, load)
    finally:
        client.close()


def _broken(client: Any, load: Load) -> Result:
    """Tell when the last of `load.inflight` open calls got LostRemote."""
    pending = [client.wait(async_=True) for _ in range(load.inflight)]
    while client.waiting() < load.inflight:
        gevent.sleep(0.01)
    print("waiting", flush=True)
    instants: list[float] = []

    def note(wait: Callable[[], object]) -> None:
        instants.append(_lost_at(wait))

    lost = [gevent.spawn(note, functools.partial(each.get, timeout=60)) for each in pending]
    gevent.joinall(lost, raise_error=True)
    return {"lost_at": max(instants)}


def _silent(client: Any, _: Load) -> Result:
    """Tell how long after the last item the stream ended in LostRemote."""
    ticks = client.ticks()
    next(ticks)
    print("waiting", flush=True)
    last = time.monotonic()

    def read() -> None:
        nonlocal last
        for _ in ticks:
            last = time.monotonic()

    lost_at = _lost_at(read)
    return {"silent_intervals": (lost_at - last) / _HEARTBEAT}


def _lost_at(wait: Callable[[], object]) -> float:
    try:
        wait()
    except zerorpc.LostRemote:
        return time.monotonic()
    raise AssertionError("the call ended without LostRemote")


def _stalls(client: Any, load: Load) -> Result:
    """Make `load.calls` calls at each depth, and give the median and the longest latency."""
    result: Result = {}
    for depth in _DEPTHS:
        spans: list[int] = []
        work = functools.partial(_timed_calls, client, load.calls // depth, spans)
        gevent.joinall([gevent.spawn(work) for _ in range(depth)], raise_error=True)
        spans.sort()
        result[f"p50 {depth}"] = percentile(spans, 0.5) / 1e6
        result[f"max {depth}"] = spans[-1] / 1e6
    return result


def _timed_calls(client: Any, calls: int, spans: list[int]) -> None:
    for _ in range(calls):
        start = time.perf_counter_ns()
        client.echo(TEXT)
        spans.append(time.perf_counter_ns() - start)


def _statistics(client: Any, load: Load) -> Result:
    """Give the microseconds that asking for the statistics takes."""
    start = time.perf_counter()
    for _ in range(load.calls):
        client.statistics()
    return {"us": (time.perf_counter() - start) / load.calls * 1e6}


_MODES: dict[str, Callable[[Any, Load], Result]] = {
    "broken": _broken,
    "silent": _silent,
    "stalls": _stalls,
    "statistics": _statistics,
}
