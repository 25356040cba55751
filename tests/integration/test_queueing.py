"""Calls that wait for their turn: in order, forgotten with their callers, and fair to the loop."""

from __future__ import annotations

from typing import Any

import gevent

from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import Dial, Gate, Serve, begin, outcome, wait_until


def test_calls_whose_callers_gave_up_do_not_pile_up(serve: Serve) -> None:
    gate = Gate()
    server = serve({"wait": gate.enter}, pool_size=1)
    with RawPeer(server.endpoints[0]) as peer:
        peer.send("wait", [])
        for _ in range(3000):
            call = peer.send("wait", [])
            peer.send("_zpc_close", [], response_to=call)
        last = peer.send("wait", [])
        wait_until(lambda: server.statistics()["events_received"] == 6002, "all have come")
        assert server.statistics()["waiting"] < 100
        gate.open()
        assert peer.receive_answer(last) == ("OK", ["passed"])
    assert gate.entered == 2


def test_a_long_queue_is_served_in_order_and_leaves_turns_to_the_loop(
    serve: Serve, dial: Dial
) -> None:
    count = 2000
    gate = Gate()
    order: list[int] = []
    turns: list[int] = []

    def note(number: int) -> None:
        gate.enter()
        order.append(number)
        turns.append(pump.turns)

    server = serve({"note": note}, pool_size=1)
    pump: Any = server._driver.pump
    client = dial(server)
    calls = [gevent.spawn(client.note, number) for number in range(count)]
    wait_until(lambda: server.statistics()["waiting"] == count - 1, "all others wait")
    gate.open()
    gevent.joinall(calls, raise_error=True)
    assert order == list(range(count))
    # The replies go out while the queue is worked off, which takes turns of the loop.
    assert len(set(turns)) > 3


def test_a_call_that_comes_while_others_wait_is_not_served_before_them(
    serve: Serve, dial: Dial
) -> None:
    gate = Gate()
    order: list[Any] = []

    def note(number: Any) -> None:
        gate.enter()
        order.append(number)

    server = serve({"note": note}, pool_size=2)
    client = dial(server)
    calls = [begin(client.note, number) for number in range(600)]
    wait_until(lambda: server.statistics()["waiting"] == 598, "the others wait")
    gate.open()
    calls += [begin(client.note, number) for number in range(600, 700)]
    for each in calls:
        outcome(each)
    assert order == sorted(order)
