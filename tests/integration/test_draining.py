"""Stopping: what runs has its time to end, what is new is refused or goes to another server."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    open_calls,
    outcome,
    up,
    wait_until,
)


class Stopping:
    """A server with a call in it that will not end before the test says so."""

    def __init__(self, keep: Keep, **options: Any) -> None:
        self.gate = Gate()
        table = {"slow": self.gate.enter, "who": lambda: "stopping", "items": self.items}
        self.server: zerorpc.Server = keep(zerorpc.Server(table, **options))
        (self.endpoint,) = self.server.bind(ANY_PORT)
        self.running = begin(self.server.run)
        self.client: zerorpc.Client = keep(zerorpc.Client(self.endpoint, heartbeat=FAR_AWAY))
        self.slow = begin(self.client.slow)
        self.gate.await_entered()

    @zerorpc.stream
    def items(self) -> Iterator[int]:
        yield 0
        self.gate.enter()
        yield from range(1, 3000)

    def stop(self, grace: float | None = None) -> None:
        self.server.stop(grace)
        gevent.sleep(0)  # lets `run()` take note

    def release(self) -> None:
        """Let all end, and see that the server does."""
        self.gate.open()
        assert outcome(self.slow) == "passed"
        outcome(self.running)


@pytest.fixture
def stopping(keep: Keep) -> Stopping:
    """A running server with one call in it."""
    return Stopping(keep)


@pytest.fixture
def other(serve: Serve) -> zerorpc.Server:
    """A server that goes on."""
    return serve({"who": lambda: "other", "letters": zerorpc.stream(lambda: "abc")})


def test_a_running_call_ends_well(stopping: Stopping) -> None:
    stopping.stop()
    assert not stopping.running.ready()
    stopping.release()


def test_a_running_stream_ends_well(stopping: Stopping) -> None:
    stream = stopping.client.items()
    assert next(stream) == 0
    stopping.stop()
    stopping.gate.open()
    assert list(stream) == list(range(1, 3000))
    stopping.release()


@pytest.mark.parametrize("async_", [False, True])
def test_a_new_call_is_refused_unstarted(stopping: Stopping, async_: bool) -> None:
    stopping.stop()
    with pytest.raises(zerorpc.RemoteError, match="not started") as caught:
        stopping.client.slow(async_=async_).get(timeout=PATIENCE)
    assert caught.value.name == "Draining"
    stopping.release()
    assert stopping.gate.entered == 1


@pytest.mark.parametrize("has_hooks", [False, True])
@pytest.mark.parametrize("async_", [False, True])
def test_a_new_call_goes_to_another_server(
    stopping: Stopping,
    other: zerorpc.Server,
    dial: Dial,
    context: zerorpc.Context,
    has_hooks: bool,
    async_: bool,
) -> None:
    after: list[Any] = []
    if has_hooks:
        context.register_middleware(
            {"client_after_request": lambda request, reply, error: after.append(error)}
        )
    client = dial(other, stopping.endpoint, context=context)
    wait_until(lambda: {client.who() for _ in range(4)} == {"stopping", "other"}, "both are up")
    after.clear()
    stopping.stop()
    answers = [client.who(async_=async_) for _ in range(10)]
    if async_:
        answers = [answer.get(timeout=PATIENCE) for answer in answers]
    assert answers == ["other"] * 10
    assert after == ([None] * 10 if has_hooks else [])
    stopping.release()


@pytest.mark.parametrize("has_hooks", [False, True])
@pytest.mark.parametrize("async_", [False, True])
def test_a_method_that_raises_a_class_of_that_name_runs_once(
    serve: Serve, dial: Dial, context: zerorpc.Context, has_hooks: bool, async_: bool
) -> None:
    """Only a server that drains can say that nothing was started."""
    ran: list[int] = []

    class Draining(Exception):
        """What a pump may be busy with, too."""

    def drain(server: int) -> Any:
        ran.append(server)
        raise Draining("the pump")

    if has_hooks:
        context.register_middleware({"client_before_request": lambda request: None})
    servers = [serve({"drain": partial(drain, number)}) for number in range(2)]
    client = dial(*servers, context=context)
    wait_until(lambda: len(up(client)) == 2, "both are up")
    calling = begin(client.drain, async_=async_)
    with pytest.raises(zerorpc.RemoteError, match="the pump"):
        outcome(outcome(calling) if async_ else calling)
    assert len(ran) == 1
    # In the midst of draining its traceback tells it from a refusal.
    gate = Gate()
    client.close()
    server = serve({"drain": lambda: gate.enter() and drain(0)})
    client = dial(server, context=context)
    calling = begin(client.drain, async_=True)
    gate.await_entered()
    server.stop()
    gate.open()
    with pytest.raises(zerorpc.RemoteError, match="the pump"):
        outcome(outcome(calling))
    assert len(ran) == 2


def test_a_new_stream_goes_to_another_server(
    stopping: Stopping, other: zerorpc.Server, dial: Dial
) -> None:
    client = dial(other, stopping.endpoint)
    wait_until(lambda: {client.who() for _ in range(4)} == {"stopping", "other"}, "both are up")
    stopping.stop()
    assert [list(client.letters()) for _ in range(4)] == [["a", "b", "c"]] * 4
    stopping.release()


def test_who_has_heard_that_a_server_drains_does_not_ask_it(
    stopping: Stopping, other: zerorpc.Server, dial: Dial
) -> None:
    client = dial(stopping.endpoint)
    stream = client.items()
    assert next(stream) == 0
    client.connect(other.endpoints)
    wait_until(lambda: len(up(client)) == 2, "both are up")
    stopping.stop()
    stopping.gate.open()
    assert next(stream) == 1  # which came with the mark
    asking = [client.who(async_=True) for _ in range(10)]
    assert [each.get(timeout=PATIENCE) for each in asking] == ["other"] * 10
    assert stopping.server.statistics()["refused"] == {}
    assert list(stream) == list(range(2, 3000))
    stopping.release()


def test_one_that_only_said_so_is_better_than_one_that_refuses(
    stopping: Stopping, dial: Dial
) -> None:
    """As where a hub passes on what its worker said of itself."""
    with RawServer() as raw:
        client = dial(raw.endpoint)
        calling = begin(client.method)
        raw.answer(raw.take(), "OK", [1], draining=True)
        assert outcome(calling) == 1
        client.connect(stopping.endpoint)
        wait_until(lambda: len(up(client)) == 2, "both are up")
        stopping.stop()
        calling = begin(client.who)  # refused by the server that drains
        raw.answer(raw.take(), "OK", ["raw"], draining=True)
        assert outcome(calling) == "raw"
    stopping.release()


def test_where_all_drain_a_call_is_refused(keep: Keep, dial: Dial) -> None:
    both = [Stopping(keep), Stopping(keep)]
    client = dial(*(each.endpoint for each in both))
    wait_until(lambda: len(up(client)) == 2, "both are up")
    for each in both:
        each.stop()
    for async_ in (False, True):
        with pytest.raises(zerorpc.RemoteError) as caught:
            client.who(async_=async_).get(timeout=PATIENCE)
        assert caught.value.name == "Draining"
    for each in both:
        each.release()


def test_everything_that_a_draining_server_sends_says_so(stopping: Stopping) -> None:
    with RawPeer(stopping.endpoint) as raw:
        channel = raw.send("items", [])
        header, name, item = raw.receive()
        assert (name, item) == ("STREAM", 0)
        assert "draining" not in header
        stopping.stop()
        refused = raw.send("who", [])
        header, name, args = raw.receive()
        assert (header["response_to"], header["draining"]) == (refused, True)
        assert (name, args[0]) == ("ERR", "Draining")
        stopping.gate.open()
        raw.send("_zpc_more", [1], response_to=channel)
        header, name, item = raw.receive()
        assert (name, item, header["draining"]) == ("STREAM", 1, True)
    stopping.release()


def test_calls_that_wait_for_their_turn_are_still_run(keep: Keep) -> None:
    stopping = Stopping(keep, pool_size=1)
    waiting = [begin(stopping.client.who) for _ in range(3)]
    wait_until(lambda: stopping.server.statistics()["waiting"] == 3, "they wait")
    stopping.stop()
    stopping.release()
    assert [outcome(each) for each in waiting] == ["stopping"] * 3


@pytest.mark.parametrize("grace", [0, 0.05])
def test_when_grace_is_over_both_ends_are_told(stopping: Stopping, grace: float) -> None:
    stopping.stop(grace)
    with pytest.raises(zerorpc.RemoteError, match="the server stopped") as caught:
        outcome(stopping.slow)
    assert caught.value.name == "ClosedError"
    outcome(stopping.running)
    assert stopping.gate.ended == ["ClosedError"]
    assert open_calls(stopping.client) == 0


def test_grace_can_be_given_to_the_server(keep: Keep) -> None:
    stopping = Stopping(keep, grace=0.05)
    stopping.stop()
    outcome(stopping.running)
    assert stopping.gate.ended == ["ClosedError"]


def test_a_second_stop_may_shorten_the_grace(stopping: Stopping) -> None:
    stopping.stop(FAR_AWAY)
    assert not stopping.running.ready()
    stopping.stop(0)
    outcome(stopping.running)
    assert stopping.gate.ended == ["ClosedError"]


def test_an_idle_server_stops_at_once(serve: Serve) -> None:
    server = zerorpc.Server({}, grace=FAR_AWAY)
    running = begin(server.run)
    server.stop()
    outcome(running)
    server.close()


def test_a_method_may_stop_its_own_server_and_answers(keep: Keep) -> None:
    def quit_() -> str:
        server.stop(FAR_AWAY)
        return "bye"

    server = keep(zerorpc.Server({"quit": quit_}))
    server.bind(ANY_PORT)
    running = begin(server.run)
    with zerorpc.Client(server.endpoints) as client:
        assert client.quit() == "bye"
    outcome(running)


def test_a_server_can_run_again(stopping: Stopping) -> None:
    stopping.stop()
    stopping.release()
    for _ in range(3):
        calling = begin(stopping.client.who)  # comes while nobody runs
        again = begin(stopping.server.run)
        assert outcome(calling) == "stopping"
        assert list(stopping.client.items()) == list(range(3000))
        stopping.server.stop()
        outcome(again)


def test_a_server_that_runs_again_is_called_again(
    stopping: Stopping, other: zerorpc.Server, dial: Dial
) -> None:
    client = dial(other, stopping.endpoint)
    wait_until(lambda: {client.who() for _ in range(4)} == {"stopping", "other"}, "both are up")
    stopping.stop()
    assert {client.who() for _ in range(4)} == {"other"}
    stopping.release()
    again = begin(stopping.server.run)
    wait_until(lambda: {client.who() for _ in range(4)} == {"stopping", "other"}, "both are called")
    stopping.server.stop()
    outcome(again)
