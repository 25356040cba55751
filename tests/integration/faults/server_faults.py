"""A server that dies, freezes or comes back, as its callers see it."""

from __future__ import annotations

import functools
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import gevent

import zerorpc
from tests.integration.faults.outcome import VALUE, Calls, kinds, outcome_of
from tests.integration.faults.processes import PATIENCE, ServerProcess, wait_until
from tests.integration.faults.size import Facts, Size

FAR_AWAY = 600.0  # a heartbeat interval so long that nothing can have been noticed by it
FOR_EVER = 3600.0


def running(client: zerorpc.Client) -> int:
    """How many calls run at the server, the one that asks not counted."""
    return int(client.counters()["running"]) - 1


def exhaust(client: zerorpc.Client, method: str, *args: Any) -> None:
    """Read a stream to its end."""
    deque(client(method, *args), maxlen=0)


def open_calls(client: zerorpc.Client, calls: int, streams: int) -> Calls:
    """Calls and streams that do not end by themselves, all running at the server."""
    jobs: list[Callable[[], Any]] = [functools.partial(client.slow, FOR_EVER)] * calls
    jobs += [functools.partial(exhaust, client, "ticking", 0.05)] * streams
    started = Calls(jobs)
    wait_until(lambda: running(client) == calls + streams, "all calls run at the server")
    return started


def server_killed(size: Size) -> Facts:
    """SIGKILL: the broken connection tells every caller at once, not a heartbeat."""
    calls, streams = size.count(200, 50), size.count(20, 5)
    with (
        ServerProcess(heartbeat=FAR_AWAY) as server,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY, timeout=None) as client,
    ):
        open_now = open_calls(client, calls, streams)
        began = time.monotonic()
        server.kill()
        outcomes = open_now.outcomes(PATIENCE)
        took = time.monotonic() - began
    assert kinds(outcomes) == {"LostRemote": calls + streams}
    size.within(took, 0.5, "all callers know")
    return {"calls": len(outcomes), "told_after_s": took}


def server_stopped_briefly(size: Size) -> Facts:
    """SIGSTOP for one and a half intervals: nobody is lost, every call gives its value."""
    interval = size.seconds(5.0, 0.6)
    with (
        ServerProcess(heartbeat=interval) as server,
        zerorpc.Client(server.endpoint, heartbeat=interval) as client,
    ):
        calls = Calls([functools.partial(client.slow, 2 * interval)] * 20)
        wait_until(lambda: running(client) == 20, "all calls run at the server")
        server.stop()
        gevent.sleep(1.5 * interval)  # this is the fault itself
        server.resume()
        outcomes = calls.outcomes(PATIENCE)
    assert kinds(outcomes) == {VALUE: 20}
    return {"calls": 20, "stopped_s": 1.5 * interval}


def server_stopped_until_lost(size: Size) -> Facts:
    """SIGSTOP until the callers know: between two and three intervals of silence; then it works."""
    interval = size.seconds(5.0, 0.6)
    with (
        ServerProcess(heartbeat=interval) as server,
        zerorpc.Client(server.endpoint, heartbeat=interval, timeout=None) as client,
    ):
        open_now = open_calls(client, 20, 5)
        began = time.monotonic()
        server.stop()
        assert kinds(open_now.outcomes(PATIENCE)) == {"LostRemote": 25}
        took = time.monotonic() - began
        # Its last sign of life was at most an interval before it stopped.
        assert took >= interval, f"lost {took:.2f} s after it stopped, interval {interval} s"
        size.within(took, 3 * interval + 0.2, "silence is noticed")
        assert outcome_of(lambda: client("echo", 1, timeout=0.2)).kind == "TimeoutExpired"
        server.resume()
        assert client.echo("back") == "back"
        wait_until(lambda: running(client) == 0, "the server forgot the calls nobody waits for")
    return {"interval_s": interval, "lost_after_s": took}


def server_restarted(size: Size) -> Facts:
    """A server killed and started again on its port, under 200 callers: all of them go on."""
    callers, restarts = 200, size.count(20, 2)
    seen: list[Counter[str]] = [Counter() for _ in range(callers)]
    with zerorpc.Client(heartbeat=FAR_AWAY, timeout=None) as client:

        def call_for_ever(counter: Counter[str]) -> None:
            while True:
                counter[outcome_of(lambda: client.echo(1)).kind] += 1

        server = ServerProcess(heartbeat=FAR_AWAY)
        client.connect(server.endpoint)
        calling = [gevent.spawn(call_for_ever, counter) for counter in seen]
        slowest = 0.0
        for _ in range(restarts):
            wait_until(lambda: all(each[VALUE] for each in seen), "all callers get values")
            server.kill()
            server.end()
            server = ServerProcess(server.endpoint, heartbeat=FAR_AWAY)
            for counter in seen:
                del counter[VALUE]
            began = time.monotonic()
            wait_until(lambda: all(each[VALUE] for each in seen), "all callers get values again")
            slowest = max(slowest, time.monotonic() - began)
        gevent.killall(calling)
        server.end()
    total = sum(seen, Counter())
    assert set(total) <= {VALUE, "LostRemote"}, total
    size.within(slowest, 3.0, "all callers get values again")
    return {"restarts": restarts, "lost": total["LostRemote"], "back_after_s": slowest}


SCENARIOS = (server_killed, server_stopped_briefly, server_stopped_until_lost, server_restarted)
