"""Who is behind with reading, and what that means for its calls and for others."""

from __future__ import annotations

from tests.unit.daemons.hub.full import BOUND, Full
from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.calls import Worker
from zerorpc_hub.laggards import is_behind
from zerorpc_hub.relay import Relay


def test_from_half_of_the_bound_on_a_client_begins_nothing_new() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    known = hub.call(client)
    client.is_behind = True
    hub.call(client)
    hub.say(client, known, "_zpc_more", [1])
    ((name, args),) = hub.heard(client)
    assert (name, args[0]) == ("ERR", "Overloaded")
    assert "answers to read at hub 'h'" in args[1]
    assert [name for name, _ in hub.heard(worker)] == ["m", "_zpc_more"]
    client.is_behind = False
    hub.call(client)
    assert len(hub.heard(worker)) == 1


def test_half_of_the_bound_is_counted_beside_the_largest_answer() -> None:
    half = BOUND // 2
    assert is_behind(Full(half, half, half), BOUND)  # type: ignore[arg-type]
    assert not is_behind(Full(half // 2, half // 4, 9 * BOUND), BOUND)  # type: ignore[arg-type]


def test_nobody_is_held_back_for_a_client_that_is_told_something_meanwhile() -> None:
    relay, full, caller = Relay(), Full(), Full()
    relay.send([(full, [b"", b"your call made way"])], caller)  # type: ignore[arg-type]
    assert (relay.held, caller.pauses) == (0, 0)
    relay.send([(full, [b"", b"refused"])], full)  # type: ignore[arg-type]
    assert (relay.held, full.pauses) == (1, 1)


def test_who_has_gone_waits_for_nobody() -> None:
    relay, busy = Relay(), Full(tag=Worker(None, "w", "out", 0.0))
    there, closed, ending = callers = Full(), Full(), Full()
    for caller in callers:
        relay.send([(busy, [b"", b"call"])], caller)  # type: ignore[arg-type]
    assert relay.held == 3
    closed.is_open, ending.is_ending = False, True
    for caller in callers:  # one has merely read what it was sent
        relay.release(caller)  # type: ignore[arg-type]
    assert (relay.held, there.pauses) == (1, 1)
    relay.release(busy)  # type: ignore[arg-type]
    assert (relay.held, there.pauses) == (0, 0)
