"""`python -m benchmarks.hub.generator ENDPOINT ...`: clients with calls always in flight.

Prints one line of JSON: the rate, latencies, and the CPU time of each process for one call.
"""

from __future__ import annotations

import argparse
import json
import select
import time
from collections import deque
from collections.abc import Sequence

from benchmarks.hub.line import Line, connect
from benchmarks.hub.script import SCRIPTS, Script
from benchmarks.peers import process

# How many calls are prepared for a connection: an id comes again only when its call is long over.
_PREPARED = 2048
_PREPARED_LARGE = 16
_SPARE_FACTOR = 4
_READ_BYTES = 1 << 20
# Without any answer for so long, something in the middle has lost calls.
_STALL_S = 10.0
_LEFT = "hung up on while calls were open"
# An instant at which calls were made, and how many of them.
Batch = tuple[int, int]


class Supply:
    """What one client will say, over and over again: `count` calls of `size` bytes each."""

    def __init__(self, script: Script, index: int, inflight: int) -> None:
        least = _PREPARED_LARGE if script.is_large else _PREPARED
        self.count = max(least, _SPARE_FACTOR * inflight)
        numbers = range(index * self.count, (index + 1) * self.count)
        requests = [script.request(b"%08x" % number) for number in numbers]
        self.size = len(requests[0])
        self.calls = memoryview(b"".join(requests))


class Caller(Line):
    """One client; answers may come in any order, and are booked as if the oldest came first."""

    def begin(self, script: Script, supply: Supply) -> None:
        """Take what is to be said."""
        self._count, self._size, self._prepared = supply.count, supply.size, supply.calls
        self._script, self._at = script, 0
        self._rest, self._heard = b"", 0
        self._buffer = bytearray(_READ_BYTES if script.is_large else 0)
        self._open: deque[Batch] = deque()

    def ask(self, calls: int, now: int) -> None:
        """Make so many calls more."""
        self._open.append((now, calls))
        size = self._size
        while calls:
            some = min(calls, self._count - self._at)
            start = self._at * size
            self.say(self._prepared[start : start + some * size])
            self._at = (self._at + some) % self._count
            calls -= some

    def answered(self) -> int:
        """Read what has come, and return how many calls that has ended."""
        if self._script.is_large:
            return self._answered_large()
        data = self.hear()
        if data is None:
            raise ConnectionError(_LEFT)
        done = self._script.done
        data = self._rest + data
        # Too short to hold another `done`, long enough for one that comes in two pieces.
        self._rest = data[1 - len(done) :]
        return data.count(done)

    def _answered_large(self) -> int:
        size = self.recv_into(self._buffer)
        if not size:
            raise ConnectionError(_LEFT)
        self._heard += size
        calls, self._heard = divmod(self._heard, self._script.answer_bytes)
        return calls

    def book(self, calls: int, now: int, spans: list[Batch]) -> None:
        """Note how long so many calls have taken."""
        while calls:
            start, some = self._open[0]
            if some <= calls:
                self._open.popleft()
            else:
                self._open[0] = start, some - calls
                some = calls
            spans.append((now - start, some))
            calls -= some


def drive(
    poll: select.epoll, callers: dict[int, Caller], inflight: int, seconds: float
) -> list[Batch]:
    """Keep `inflight` calls of each caller open for so long; returns spans and their numbers."""
    clock = time.perf_counter_ns
    spans: list[Batch] = []
    deadline = clock() + int(seconds * 1e9)
    for caller in callers.values():
        caller.ask(inflight, clock())
    missing = inflight * len(callers)
    while missing:
        ready = poll.poll(_STALL_S)
        if not ready:
            raise TimeoutError(f"{missing} calls got no answer")
        for fd, event in ready:
            caller = callers[fd]
            if event & select.EPOLLOUT:
                caller.go_on()
            if event & ~select.EPOLLOUT and (calls := caller.answered()):
                now = clock()
                caller.book(calls, now, spans)
                if now < deadline:
                    caller.ask(calls, now)
                else:
                    missing -= calls
    return spans


def percentile(spans: Sequence[Batch], share: float) -> float:
    """Return the span below which `share` of all calls lie; `spans` are in order."""
    left = share * sum(calls for _, calls in spans)
    for span, calls in spans:
        left -= calls
        if left < 0:
            return span
    return spans[-1][0]


def measure(arguments: argparse.Namespace) -> dict[str, float]:
    """Be the clients of one run."""
    script, poll = SCRIPTS[arguments.script](), select.epoll()
    # First of all: on a busy machine it may take seconds, in which no PING would be answered.
    supplies = [Supply(script, i, arguments.inflight) for i in range(arguments.connections)]
    callers = {}
    for supply in supplies:
        caller = Caller(connect(arguments.endpoint), poll, b"DEALER")
        caller.begin(script, supply)
        callers[caller.fd] = caller
    drive(poll, callers, arguments.inflight, arguments.warmup)
    sessions = {"middle_us": arguments.middle_pid, "worker_us": arguments.worker_pid}
    before = {name: process.cpu_seconds(pid) for name, pid in sessions.items()}
    own, started = time.process_time(), time.perf_counter()
    spans = drive(poll, callers, arguments.inflight, arguments.seconds)
    elapsed, own = time.perf_counter() - started, time.process_time() - own
    spent = {name: process.cpu_seconds(pid) - before[name] for name, pid in sessions.items()}
    calls = sum(count for _, count in spans)
    spans.sort()
    return {
        "rate": calls / elapsed,
        "events": script.events * calls / elapsed,
        "p50_us": percentile(spans, 0.5) / 1e3,
        "p99_us": percentile(spans, 0.99) / 1e3,
        "client_us": own / calls * 1e6,
        **{name: seconds / calls * 1e6 for name, seconds in spent.items()},
    }


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("endpoint")
    parser.add_argument("--script", choices=SCRIPTS, default="echo")
    for name, value in (("connections", 1), ("inflight", 1), ("middle-pid", 0), ("worker-pid", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, least in (("seconds", 1.0), ("warmup", 0.3)):
        parser.add_argument(f"--{name}", type=float, default=least)
    return parser.parse_args(argv)


if __name__ == "__main__":
    print(json.dumps(measure(parse())))
