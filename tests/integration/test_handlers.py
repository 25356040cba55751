"""Handlers: whatever they raise, however they end and whatever they leave behind stays theirs."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import gevent.local
import pytest

import zerorpc
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    PATIENCE,
    Dial,
    Gate,
    Serve,
    begin,
    outcome,
    wait_until,
)


class Ending(BaseException):
    """Derives from no usual base."""


ENDINGS: dict[str, Callable[[], Any]] = {
    "SystemExit": sys.exit,
    "GreenletExit": lambda: throw(gevent.GreenletExit()),
    "KeyboardInterrupt": lambda: throw(KeyboardInterrupt()),
    "Ending": lambda: throw(Ending("over")),
    "StopIteration": lambda: next(iter([])),
    "Timeout": lambda: throw(gevent.Timeout(1)),
    "RecursionError": lambda: endless(0),
    "MemoryError": lambda: throw(MemoryError()),
}


def throw(error: BaseException) -> None:
    raise error


def endless(depth: int) -> int:
    return endless(depth + 1) + 1


@zerorpc.stream
def one_then(kind: str) -> Iterator[int]:
    yield 1
    ENDINGS[kind]()


SERVICE = {"end": lambda kind: ENDINGS[kind](), "one_then": one_then, "add": lambda a, b: a + b}


@pytest.mark.parametrize("kind", ENDINGS)
def test_whatever_a_handler_raises_is_its_callers(serve: Serve, dial: Dial, kind: str) -> None:
    client = dial(serve(SERVICE))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.end(kind)
    assert caught.value.name == kind
    assert client.add(1, 2) == 3


@pytest.mark.parametrize("kind", sorted(set(ENDINGS) - {"StopIteration"}))
def test_whatever_a_generator_raises_is_its_readers(serve: Serve, dial: Dial, kind: str) -> None:
    client = dial(serve(SERVICE))
    stream = client.one_then(kind)
    assert next(stream) == 1
    with pytest.raises(zerorpc.RemoteError) as caught:
        next(stream)
    assert caught.value.name == kind
    assert client.add(1, 2) == 3


def test_a_handler_that_was_killed_answers_and_its_killer_goes_on(serve: Serve, dial: Dial) -> None:
    """Someone who finds the greenlet, of a pool of their own say, may kill it and wait for that."""
    gate = Gate()
    found: list[Any] = []

    def slow() -> str:
        found.append(gevent.getcurrent())
        return gate.enter()

    client = dial(serve({"slow": slow, **SERVICE}))
    for _ in range(3):
        calling = begin(client.slow)
        wait_until(lambda: found, "the handler runs")
        found.pop().kill(timeout=PATIENCE)
        with pytest.raises(zerorpc.RemoteError) as caught:
            outcome(calling)
        assert caught.value.name == "GreenletExit"
        assert client.add(1, 2) == 3
    assert gate.ended == ["GreenletExit"] * 3


def test_an_error_that_cannot_be_printed_arrives_all_the_same(serve: Serve, dial: Dial) -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even that")

    client = dial(serve({"fail": lambda: throw(Unprintable()), **SERVICE}))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.fail()
    assert caught.value.name == "Unprintable"
    assert client.add(1, 2) == 3


def test_what_a_remote_raised_can_be_raised_on(serve: Serve, dial: Dial) -> None:
    behind = dial(serve(SERVICE))
    client = dial(serve({"relay": lambda: behind.end("MemoryError")}))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.relay()
    assert caught.value.name == "RemoteError"
    assert "MemoryError" in caught.value.msg


# -- what a handler leaves behind ----------------------------------------------------------------


def test_greenlet_locals_do_not_reach_the_next_call(serve: Serve, dial: Dial) -> None:
    local = gevent.local.local()

    def mark(value: int) -> Any:
        before = getattr(local, "value", None)
        local.value = value
        return before

    client = dial(serve({"mark": mark}))
    assert [client.mark(number) for number in range(20)] == [None] * 20


def test_greenlet_locals_do_not_reach_a_call_that_waited(serve: Serve, dial: Dial) -> None:
    local = gevent.local.local()
    gate = Gate()

    def mark(value: int) -> Any:
        before = getattr(local, "value", None)
        local.value = value
        gate.enter()
        return before

    server = serve({"mark": mark}, pool_size=1)
    client = dial(server)
    calls = [begin(client.mark, number) for number in range(10)]
    wait_until(lambda: server.statistics()["waiting"] == 9, "all others wait")
    gate.open()
    assert [outcome(call) for call in calls] == [None] * 10
    assert server.statistics()["running"] == 0


def test_a_greenlet_that_was_killed_between_two_calls_is_not_used_again(
    serve: Serve, dial: Dial
) -> None:
    found: list[Any] = []
    client = dial(serve({"find": lambda: found.append(gevent.getcurrent())}))
    for _ in range(3):
        client.find()
        found.pop().kill(timeout=PATIENCE)


def test_context_variables_do_not_reach_the_next_call(serve: Serve, dial: Dial) -> None:
    variable: contextvars.ContextVar[Any] = contextvars.ContextVar("variable", default=None)

    def mark(value: int) -> Any:
        before = variable.get()
        variable.set(value)
        return before

    def waits(value: int) -> Any:
        before = mark(value)
        gate.enter()
        assert variable.get() == value
        return before

    gate = Gate()
    client = dial(serve({"mark": mark, "waits": waits}))
    assert [client.mark(number) for number in range(20)] == [None] * 20
    waiting = [begin(client.waits, number) for number in range(20)]
    gate.await_entered(20)
    assert [client.mark(number) for number in range(20)] == [None] * 20
    gate.open()
    assert [outcome(each) for each in waiting] == [None] * 20


def test_a_handler_runs_in_the_context_in_which_run_was_called(dial: Dial) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    def run() -> None:
        variable.set("of run")
        server.run()

    with zerorpc.Server({"get": variable.get}) as server:
        server.bind("tcp://127.0.0.1:*")
        running = begin(run)
        assert dial(server).get() == "of run"
    outcome(running)


# -- how many run --------------------------------------------------------------------------------


def test_pool_size_bounds_the_handlers(serve: Serve, dial: Dial) -> None:
    gates = [Gate() for _ in range(5)]
    server = serve({"slow": lambda number: gates[number].enter()}, pool_size=2)
    client = dial(server)
    calls = [begin(client.slow, number) for number in range(5)]
    wait_until(lambda: server.statistics()["waiting"] == 3, "the others wait")
    assert server.statistics()["running"] == 2
    assert [gate.entered for gate in gates] == [1, 1, 0, 0, 0]
    for number, gate in enumerate(gates):
        gate.open()
        assert outcome(calls[number]) == "passed"
    assert server.statistics()["running"] == 0


def test_a_full_pool_holds_up_no_heartbeats(serve: Serve, dial: Dial) -> None:
    """Neither those of the calls that run nor those of the calls that wait their turn (B3)."""
    interval = 0.1
    with RawServer() as silent:
        elsewhere = dial(silent.endpoint, heartbeat=interval)

        def slow() -> str:
            # Takes until silence has ended a call elsewhere: it would have ended the others too.
            with pytest.raises(zerorpc.LostRemote):
                elsewhere.method()
            return "passed"

        client = dial(serve({"slow": slow}, pool_size=1, heartbeat=interval), heartbeat=interval)
        calls = [begin(client.slow) for _ in range(5)]
        assert [outcome(each) for each in calls] == ["passed"] * 5


def test_handlers_are_not_bounded_unless_asked(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter})
    client = dial(server)
    calls = [gevent.spawn(client.slow) for _ in range(2000)]
    gate.await_entered(2000)
    assert server.statistics()["running"] == 2000
    gate.open()
    assert {call.get(timeout=PATIENCE) for call in calls} == {"passed"}


def test_a_handler_may_call_its_own_server(serve: Serve, dial: Dial) -> None:
    client = dial()

    def factorial(number: int) -> int:
        return number * int(client.factorial(number - 1)) if number else 1

    client.connect(serve({"factorial": factorial}).endpoints)
    assert client.factorial(20) == 2432902008176640000
