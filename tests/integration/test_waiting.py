"""Calls that wait for their turn are bounded in bytes; beyond that they are refused."""

from __future__ import annotations

from typing import Any

import gevent

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import Dial, Gate, Serve, begin, outcome, wait_until

SIZE = 100_000  # bytes of an argument
LIMITS = zerorpc.Limits(waiting_bytes=3 * SIZE + 10_000, backlog_bytes=SIZE)


def kind_of(call: gevent.Greenlet[..., Any]) -> str:
    """Return what became of a call, in a word."""
    try:
        return str(outcome(call))
    except zerorpc.RemoteError as error:
        return error.name


def test_calls_that_wait_for_the_pool_are_bounded_in_bytes(serve: Serve, dial: Dial) -> None:
    gates: list[Gate] = []
    server = serve({"pass_by": lambda _: gates[-1].enter()}, pool_size=1, limits=LIMITS)
    client = dial(server)
    for _ in range(2):  # what had its turn makes room
        gates.append(gate := Gate())
        calls = [begin(client.pass_by, bytes(SIZE)) for _ in range(10)]
        gate.await_entered()
        wait_until(lambda: server.statistics()["open_channels"] == 4, "the others are refused")
        assert server.statistics()["waiting"] == 3
        gate.open()
        kinds = sorted(kind_of(call) for call in calls)
        assert kinds == ["Overloaded"] * 6 + ["passed"] * 4
        assert server._turns.size_bytes == 0
    assert server.statistics()["refused"]["Overloaded"] == 12


def test_calls_that_are_given_up_make_room(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    server = serve({"pass_by": lambda _: gate.enter()}, pool_size=1, limits=LIMITS)
    client = dial(server)
    first = begin(client.pass_by, b"")
    gate.await_entered()
    given_up = [begin(client.pass_by, bytes(SIZE)) for _ in range(3)]
    wait_until(lambda: server.statistics()["waiting"] == 3, "they wait")
    for call in given_up:
        call.kill()
    gate.open()
    assert outcome(first) == "passed"
    assert client.pass_by(bytes(SIZE)) == "passed"
    assert server._turns.size_bytes == 0


def test_calls_that_are_put_off_are_bounded_in_bytes(serve: Serve) -> None:
    """Refusals too: a peer that reads nothing would not see them, and they would pile up."""
    server = serve({"echo": lambda it: it}, heartbeat=None, limits=LIMITS)
    calls = 200
    with RawPeer(server.endpoints[0], RCVHWM=1, RCVBUF=4096) as deaf:
        for _ in range(calls):
            deaf.send("echo", [bytes(SIZE)])
        wait_until(lambda: server.statistics()["events_received"] == calls, "all have come")
        assert server.statistics()["waiting"] <= 3
        assert server.statistics()["refused"]["Overloaded"] > calls // 4
        assert server.statistics()["queued_messages"] < 70
    wait_until(lambda: not server.statistics()["open_channels"], "its connection is over")
    wait_until(lambda: not server._turns.size_bytes, "nothing waits any more")


def test_who_drains_does_not_wait_for_calls_that_were_put_off_for_longer_than_grace(
    serve: Serve,
) -> None:
    server = serve({"zeros": bytes}, heartbeat=None, limits=LIMITS)
    with RawPeer(server.endpoints[0], RCVHWM=1, RCVBUF=4096) as deaf:
        for _ in range(200):
            deaf.send("zeros", [SIZE])
        wait_until(lambda: server.statistics()["waiting"], "some are put off")
        server.stop(0)
        wait_until(lambda: not server._is_running, "the run is over")
        assert server.statistics()["waiting"] == server.statistics()["open_channels"] == 0
        assert server._turns.size_bytes == 0
        assert not server._driver.pump.waitlist
