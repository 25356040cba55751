"""What goes wrong between two healthy processes: half-open, delayed, cut and throttled."""

from __future__ import annotations

import functools
import time

import zerorpc
from tests.integration.faults.outcome import VALUE, Calls, kinds, outcome_of
from tests.integration.faults.processes import PATIENCE, Proxy, ServerProcess, wait_until
from tests.integration.faults.server_faults import FAR_AWAY, open_calls, running
from tests.integration.faults.size import Facts, Size


def half_open(size: Size) -> Facts:
    """Nothing arrives any more and nobody says so: both ends find out by the heartbeat."""
    interval = size.seconds(5.0, 0.6)
    with (
        ServerProcess(heartbeat=interval) as server,
        Proxy(server.endpoint) as proxy,
        zerorpc.Client(server.endpoint) as observer,
        zerorpc.Client(proxy.endpoint, heartbeat=interval, timeout=None) as client,
    ):
        open_now = open_calls(client, 20, 5)
        proxy.rule(is_deaf=True)
        began = time.monotonic()
        assert kinds(open_now.outcomes(PATIENCE)) == {"LostRemote": 25}
        took = time.monotonic() - began
        assert took >= interval, f"lost after {took:.2f} s, interval {interval} s"
        wait_until(lambda: running(observer) == 0, "the server ended what it ran for the client")
        at_server = time.monotonic() - began
        # The way back: the dead connection ends at last, and the client makes a new one.
        proxy.rule(is_deaf=False)
        proxy.cut()
        wait_until(lambda: outcome_of(lambda: client.echo(1)).kind == VALUE, "it works again")
    size.within(took, 3 * interval + 0.2, "the client notices")
    size.within(at_server, 3 * interval + 0.3, "the server notices")
    return {"interval_s": interval, "client_s": took, "server_s": at_server}


def delayed(size: Size) -> Facts:
    """A slow line is only slow: every call gives its value, every stream is whole."""
    interval = size.seconds(5.0, 0.6)
    rounds, items = size.count(10, 2), size.count(5000, 3000)
    with (
        ServerProcess(heartbeat=interval) as server,
        Proxy(server.endpoint) as proxy,
        zerorpc.Client(proxy.endpoint, heartbeat=interval) as client,
    ):
        proxy.rule(delay=interval / 8)
        for _ in range(rounds):
            calls = Calls([functools.partial(client.echo, 1)] * 50)
            assert list(client.count(items)) == list(range(items))
            assert kinds(calls.outcomes(PATIENCE)) == {VALUE: 50}
    return {"rounds": rounds, "items": items, "delay_s": interval / 8}


def cut(size: Size) -> Facts:
    """A connection cut by RST or FIN ends what was sent on it at once; the next call works."""
    rounds = size.count(200, 6)
    slowest = 0.0
    with (
        ServerProcess(heartbeat=FAR_AWAY) as server,
        Proxy(server.endpoint) as proxy,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer,
        zerorpc.Client(proxy.endpoint, heartbeat=FAR_AWAY, timeout=None) as client,
    ):
        for number in range(rounds):
            open_now = open_calls(client, 10, 3)
            began = time.monotonic()
            proxy.cut(is_reset=number % 2 == 0)
            assert kinds(open_now.outcomes(PATIENCE)) == {"LostRemote": 13}
            slowest = max(slowest, time.monotonic() - began)
            wait_until(lambda: running(observer) == 0, "the server ended what it ran")
            assert client.echo(number) == number
    size.within(slowest, 0.5, "all callers know")
    return {"cuts": rounds, "told_after_s": slowest}


def throttled(size: Size) -> Facts:
    """A line so thin that a stream takes many intervals: it is whole, and nobody is lost."""
    interval = size.seconds(5.0, 0.4)
    pieces, piece, rate = size.count(4000, 96), 65536, 4_000_000
    with (
        ServerProcess(heartbeat=interval) as server,
        Proxy(server.endpoint) as proxy,
        zerorpc.Client(proxy.endpoint, heartbeat=interval) as client,
    ):
        proxy.rule("down", rate=rate)
        began = time.monotonic()
        received = sum(len(each) for each in client.chunks(pieces, piece))
        took = time.monotonic() - began
    assert received == pieces * piece
    return {"MiB": received >> 20, "intervals": took / interval}


def refused(size: Size) -> Facts:
    """A port that takes connections and ends them: calls wait, time out, and are never executed."""
    rounds = size.count(100, 4)
    with ServerProcess(heartbeat=FAR_AWAY) as server, Proxy(server.endpoint) as proxy:
        proxy.refuse(True)
        with zerorpc.Client(proxy.endpoint, heartbeat=FAR_AWAY) as client:
            for number in range(rounds):
                outcome = outcome_of(functools.partial(client, "mark", number, timeout=0.1))
                assert outcome.kind == "TimeoutExpired", outcome
            proxy.refuse(False)
            marked = client.marks()
    assert marked == [], f"executed though their callers had given up: {marked}"
    return {"calls": rounds}


SCENARIOS = (half_open, delayed, cut, throttled, refused)
