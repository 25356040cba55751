"""HAProxy in front of hubs and of servers: one backend is killed, one freezes, callers go on.

The configuration is the talk's, with the `bind` line and the timeouts that HAProxy demands today;
it checks more often than by default, for the sake of those who wait for the test.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import gevent

import zerorpc
from tests.integration.faults.outcome import VALUE, outcome_of
from tests.integration.faults.processes import ServerProcess, wait_until
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import HubProcess
from tests.integration.hub.stage import at_once
from tests.programs import require

CONFIG = """\
listen zerorpc
    bind 127.0.0.1:{port}
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    default-server inter 100ms
    mode tcp
    server backend_a localhost:{a} check
    server backend_b localhost:{b} check
"""
# Slow enough for a busy machine, on which what is not frozen may stand still for a while.
BEAT = 1.0


@contextmanager
def haproxy(folder: Path, endpoints: list[str]) -> Iterator[str]:
    """Run HAProxy in front of two endpoints; yields its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    a, b = (each.rpartition(":")[2] for each in endpoints)
    file = folder / "haproxy.cfg"
    file.write_text(CONFIG.format(port=port, a=a, b=b))
    program = require("haproxy")
    process = subprocess.Popen(
        [program, "-db", "-f", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"tcp://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def hubs(folder: Path) -> Iterator[tuple[list[str], Callable[[int], None]]]:
    """Two hubs with a worker each; yields their endpoints, and how to send the first a signal."""
    with ExitStack() as stack:
        started = []
        for name in "ab":
            (folder / name).mkdir()
            started.append(stack.enter_context(HubProcess(folder / name)))
        for hub in started:
            stack.enter_context(ServerProcess(hub.endpoint("out"), connect=1, heartbeat=BEAT))
        for hub in started:
            hub.await_workers(1)
        yield [hub.endpoint("in") for hub in started], started[0].signal


@contextmanager
def servers(_: Path) -> Iterator[tuple[list[str], Callable[[int], None]]]:
    """Two servers, likewise."""
    with ServerProcess(heartbeat=BEAT) as first, ServerProcess(heartbeat=BEAT) as second:
        yield [first.endpoint, second.endpoint], first.signal


class Callers:
    """Clients that call without pause, each by a connection of its own; counts what they got."""

    def __init__(self, endpoint: str, count: int) -> None:
        self.clients = [zerorpc.Client(endpoint, heartbeat=BEAT) for _ in range(count)]
        self.seen: list[Counter[str]] = [Counter() for _ in self.clients]
        self._calling = [
            gevent.spawn(self._call, client, seen)
            for client, seen in zip(self.clients, self.seen, strict=True)
        ]

    def _call(self, client: zerorpc.Client, seen: Counter[str]) -> None:
        while True:
            seen[outcome_of(lambda: client.echo(1)).kind] += 1
            gevent.sleep(0.005)

    def await_values(self, count: int) -> None:
        """Wait until each has got so many more values."""
        goals = [seen[VALUE] + count for seen in self.seen]
        pairs: list[tuple[Counter[str], int]] = list(zip(self.seen, goals, strict=True))
        wait_until(lambda: all(seen[VALUE] >= goal for seen, goal in pairs), "all call again")

    @property
    def total(self) -> Counter[str]:
        """What all of them got so far."""
        return sum(self.seen, Counter())

    def close(self) -> None:
        """Call no more."""
        gevent.killall(self._calling)
        for client in self.clients:
            client.close()


Backends = Callable[[Path], AbstractContextManager[tuple[list[str], Callable[[int], None]]]]

CASES: tuple[tuple[Backends, int], ...] = (
    (servers, signal.SIGKILL),
    (hubs, signal.SIGSTOP),
    (hubs, signal.SIGKILL),
    (servers, signal.SIGSTOP),
)


def behind_haproxy(size: Size) -> Facts:
    """One backend of HAProxy is killed, or frozen: who was connected to it calls another."""
    cases = CASES if size.is_measured else CASES[:2]
    took = at_once(partial(_callers_go_on, clients=size.count(8, 4)), cases)
    return {
        f"{kind.__name__}_{signal.Signals(fault).name}_s": seconds
        for (kind, fault), seconds in zip(cases, took, strict=True)
    }


def _callers_go_on(case: tuple[Backends, int], clients: int) -> float:
    kind, fault = case
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        endpoints, send = stack.enter_context(kind(folder))
        front = stack.enter_context(haproxy(folder, endpoints))
        callers = stack.enter_context(closing(Callers(front, clients)))
        callers.await_values(20)
        assert set(callers.total) == {VALUE}
        began = time.monotonic()
        send(fault)
        wait_until(lambda: callers.total["LostRemote"], "some have lost it")
        callers.await_values(20)
        took = time.monotonic() - began
        # Of those that were connected to the other one, nobody has noticed.
        lost = callers.total["LostRemote"]
        assert sum(not seen["LostRemote"] for seen in callers.seen) >= clients // 2
        callers.await_values(20)
        assert callers.total.keys() == {VALUE, "LostRemote"}
        assert callers.total["LostRemote"] == lost
        return took


SCENARIOS = (behind_haproxy,)
