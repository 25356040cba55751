"""Drives any `zerorpc`: stock 0.6.3 and ours have the same public names, so one module does.

Only public API that both have is used, with every default left alone: heartbeats and timeouts
are on, as they are for a user.
"""

from __future__ import annotations

import functools
import os
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.event

import zerorpc
from benchmarks.peers import process
from benchmarks.peers.load import (
    TEXT,
    Load,
    Result,
    in_greenlets,
    in_turn,
    timed,
)


class Service:
    """What the server exposes: the echo and the stream of every peer, and a method that waits."""

    def __init__(self) -> None:
        """Start with nobody waiting."""
        self._waiting = 0
        self._gate = gevent.event.Event()

    def echo(self, value: Any) -> Any:
        """Give back what came."""
        return value

    @zerorpc.stream
    def count(self, items: int) -> Iterator[str]:
        """Yield that many short strings."""
        for _ in range(items):
            yield TEXT

    def wait(self) -> None:
        """Return when `release` is called."""
        self._waiting += 1
        self._gate.wait()
        self._waiting -= 1

    def waiting(self) -> int:
        """Tell how many callers wait."""
        return self._waiting

    def release(self) -> None:
        """Let every waiting caller go."""
        self._gate.set()

    def memory(self) -> dict[str, int]:
        """Tell what this process holds, see `memory`."""
        return memory()


def memory() -> dict[str, int]:
    """Give resident bytes and, if PYTHONTRACEMALLOC is set, those allocated by each library file.

    Allocations of C extensions count for the line of the library that called them.
    """
    found = {"rss": process.rss_bytes(os.getpid())}
    if not tracemalloc.is_tracing():
        return found
    folder = os.path.dirname(zerorpc.__file__)
    for statistic in tracemalloc.take_snapshot().statistics("filename"):
        name = statistic.traceback[0].filename
        if name.startswith(folder):
            found[os.path.relpath(name, folder)] = statistic.size
    return found


def serve(endpoint: str) -> None:
    """Serve until killed."""
    server = zerorpc.Server(Service())
    server.bind(endpoint)
    server.run()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run."""
    client = zerorpc.Client(endpoint)
    client.echo(TEXT)
    try:
        return MODES[load.mode](client, load)
    finally:
        client.close()


def _call(client: Any, load: Load) -> Result:
    call = functools.partial(client.echo, TEXT)
    if load.inflight == 1:
        return timed(load, in_turn(call))
    driver = in_greenlets(gevent.spawn, gevent.joinall, load.inflight)
    return timed(load, driver(call))


def _stream(client: Any, load: Load) -> Result:
    def consume() -> None:
        for _ in client.count(load.items):
            pass

    return timed(load, in_turn(consume), load.items)


def _payload(client: Any, load: Load) -> Result:
    return timed(load, in_turn(functools.partial(client.echo, bytes(load.size_bytes))))


def _open(client: Any, load: Load) -> Result:
    """Hold `load.calls` calls open, and give the bytes that each takes at each end."""
    here, there = memory(), client.memory()
    # **{"async": ...} is the spelling that stock and ours share.
    pending = [client.wait(timeout=None, **{"async": True}) for _ in range(load.calls)]
    while client.waiting() < load.calls:
        gevent.sleep(0.05)
    result = _growth("client", here, memory(), load.calls)
    result |= _growth("server", there, client.memory(), load.calls)
    client.release()
    result["answered"] = sum(each.get(timeout=120) is None for each in pending)
    return result


def _growth(end: str, before: dict[str, int], after: dict[str, int], calls: int) -> Result:
    grown = {name: (after[name] - before.get(name, 0)) / calls for name in after}
    return {f"{end} {name}": size for name, size in grown.items()}


def _many(client: Any, load: Load) -> Result:
    """Make `load.calls` calls, and compare the memory of both ends after a tenth and at last."""
    pids = {"client": os.getpid(), "server": load.server_pid}
    _repeat(client, load.calls // 10, load.inflight)
    before = {end: process.rss_bytes(pid) for end, pid in pids.items()}
    _repeat(client, load.calls - load.calls // 10, load.inflight)
    result: Result = {"calls": load.calls}
    for end, pid in pids.items():
        result[f"{end} warm"] = before[end]
        result[f"{end} end"] = process.rss_bytes(pid)
    return result


def _repeat(client: Any, calls: int, inflight: int) -> None:
    def some() -> None:
        for _ in range(calls // inflight):
            client.echo(TEXT)

    gevent.joinall([gevent.spawn(some) for _ in range(inflight)], raise_error=True)


MODES: dict[str, Callable[[Any, Load], Result]] = {
    "call": _call,
    "stream": _stream,
    "payload": _payload,
    "open": _open,
    "many": _many,
}
