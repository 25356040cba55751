"""What the scenarios of a hub under load start from: a hub, workers and clients of both kinds."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, TypeVar

import gevent

import zerorpc
from tests.integration.faults.outcome import Calls, Outcome
from tests.integration.faults.processes import PATIENCE, wait_until
from tests.integration.hub.process import HubProcess
from tests.interop.peer_process import Peer, PeerError, absence

A = TypeVar("A")
B = TypeVar("B")

FAR_AWAY = 600.0  # a heartbeat interval so long that nothing can have been noticed by it
_names = itertools.count()


def kinds() -> tuple[str, ...]:
    """The kinds of peers that there are; stock is left out where it is not installed, but in CI."""
    return (*installed("stock"), "ours")


def installed(*others: str) -> tuple[str, ...]:
    """Those of some kinds of peers that are installed, which in CI all of them have to be."""
    reasons = {kind: absence(kind) for kind in others}
    assert not (any(reasons.values()) and os.environ.get("CI")), reasons
    return tuple(kind for kind, reason in reasons.items() if not reason)


def at_once(functor: Callable[[A], B], values: Iterable[A]) -> list[B]:
    """Return what a function makes of each value: processes take long to start."""
    started = [gevent.spawn(functor, each) for each in values]
    gevent.joinall(started, raise_error=True)
    return [each.get() for each in started]


class Stage:
    """A hub, workers and clients; a context manager that leaves no process behind."""

    def __init__(self, text: str, kind: str, workers: int) -> None:
        self.kind = kind
        self._stack = ExitStack()
        try:
            folder = Path(self._stack.enter_context(TemporaryDirectory()))
            self.hub = self._stack.enter_context(HubProcess(folder, text))
            self.front = self.hub.endpoint("in")
            self.workers = at_once(lambda _: self.work(), range(workers))
            self.hub.await_workers(workers)
            self.client = self._stack.enter_context(
                zerorpc.Client(self.front, heartbeat=FAR_AWAY, timeout=None)
            )
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def start(self, kind: str) -> Peer:
        """Start a process of a kind."""
        peer = Peer(kind)
        self._stack.callback(peer.quit)
        return peer

    def work(self) -> Peer:
        """Start one more worker."""
        worker = self.start(self.kind)
        worker.ask("serve", name="w", how="connect", endpoint=self.hub.endpoint("out"), heartbeat=5)
        return worker

    def caller(self, kind: str) -> Caller:
        """Start a client in a process of its own."""
        caller = Caller(self.start(kind))
        caller.connect(self.front)
        return caller

    def await_stats(self, what: str, **numbers: int) -> None:
        """Wait until the hub counts what it should."""
        wait_until(lambda: numbers.items() <= self.hub.statistics().items(), what)


class Caller:
    """A client in a process of its own that has many calls open at a time."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._futures: list[Future[Any]] = []

    def connect(self, endpoint: str) -> None:
        """Open its client, with no calls so far."""
        self._futures = []
        self.peer.ask(
            "connect", name="c", how="connect", endpoint=endpoint, heartbeat=600, timeout=None
        )

    def disconnect(self) -> None:
        """Close its client."""
        self.peer.ask("close", name="c")

    def call(self, count: int, method: str, *args: Any) -> None:
        """Begin so many calls."""
        for _ in range(count):
            asked = self.peer.ask_later("call", name="c", method=method, args=list(args))
            self._futures.append(asked)

    @property
    def errors(self) -> list[PeerError]:
        """What those that have failed so far have failed with."""
        ended = (each.exception(0) for each in self._futures if each.done())
        return [error for error in ended if isinstance(error, PeerError)]

    def values(self, count: int) -> list[Any]:
        """Wait until so many have given a value, and return all that have."""

        def given() -> list[Any]:
            ended = [each for each in self._futures if each.done() and each.exception(0) is None]
            return [each.result(0) for each in ended]

        wait_until(lambda: len(given()) >= count, f"{count} values", 2 * PATIENCE)
        return given()


class Told:
    """Calls of our own client in this process, and when each of them ended."""

    def __init__(self, jobs: list[Callable[[], Any]]) -> None:
        self.instants: list[float] = []
        self._calls = Calls([self._noting(job) for job in jobs])

    def _noting(self, job: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            try:
                return job()
            finally:
                self.instants.append(time.monotonic())

        return call

    @property
    def ended(self) -> int:
        """How many have ended."""
        return self._calls.ended

    def outcomes(self) -> list[Outcome]:
        """Wait for all of them."""
        return self._calls.outcomes(2 * PATIENCE)

    def so_far(self) -> list[Outcome]:
        """Those that have ended; the others go on."""
        return self._calls.so_far()
