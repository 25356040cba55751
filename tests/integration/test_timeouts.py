"""Timeouts and deadlines: what bounds a call, travels with it, and is not run after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    open_calls,
    outcome,
    wait_until,
)

NOBODY = "tcp://127.0.0.1:1"
LONG = 300.0


def test_a_timeout_says_how_long_and_what(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}))
    with pytest.raises(zerorpc.TimeoutExpired) as caught:
        client.slow(timeout=0.05)
    assert str(caught.value) == "timeout after 0.05s, when calling remote method slow"
    assert isinstance(caught.value, TimeoutError)
    assert open_calls(client) == 0
    gate.open()


def test_the_clients_timeout_holds_unless_the_call_has_its_own(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}), timeout=0.05)
    with pytest.raises(zerorpc.TimeoutExpired, match=r"0\.05s"):
        client.slow()
    for patient in (None, PATIENCE):
        calling = begin(client.slow, timeout=patient)
        with pytest.raises(zerorpc.TimeoutExpired):
            client.slow(timeout=0.06)
        assert not calling.ready()
        calling.kill()
    gate.open()


@pytest.mark.parametrize("timeout", [0, 0.0, -1])
def test_no_time_at_all_is_a_timeout_at_once(serve: Serve, dial: Dial, timeout: float) -> None:
    server = serve({"echo": lambda value: value})
    client = dial(server)
    with pytest.raises(zerorpc.TimeoutExpired, match=r"timeout after 0(\.0)?s"):
        client.echo(1, timeout=timeout)
    assert client.echo(2) == 2
    assert server.statistics()["events_received"] == 1


@pytest.mark.parametrize("taken", [0, 1])
def test_the_peer_is_told_that_nobody_waits_any_more(serve: Serve, dial: Dial, taken: int) -> None:
    """A handler that waits when its caller's time is up is ended at once, of a stream too."""
    gate = Gate()

    def items() -> Iterator[str]:
        yield from ["item"] * taken
        yield gate.enter()

    table = {"call": gate.enter, "stream": zerorpc.stream(items)}
    server = serve(table, heartbeat=None if taken else FAR_AWAY)
    client = dial(server, heartbeat=None if taken else FAR_AWAY, timeout=0.3)
    with pytest.raises(zerorpc.TimeoutExpired):
        list(client.stream()) if taken else client.call()
    wait_until(lambda: gate.ended == ["LostRemote"], "the handler is ended")
    assert server.statistics()["open_channels"] == 0


# -- deadlines travel ----------------------------------------------------------------------------


def test_the_timeout_travels_as_the_time_that_is_left(dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint)
        calling = begin(client.method, timeout=LONG)
        request = raw.take()
        raw.answer(request, "OK", [None])
        outcome(calling)
        begin(client.method, timeout=None)
        assert "deadline_ms" not in raw.take().header
    assert LONG * 1000 - PATIENCE * 1000 < request.header["deadline_ms"] <= LONG * 1000


def relayed(
    serve: Serve, dial: Dial, raw: RawServer, through: Callable[[Callable[[], Any]], Any]
) -> zerorpc.Client:
    """A client of a server whose methods call `raw`, in the way that `through` says."""
    behind = dial(raw.endpoint)
    return dial(serve({"relay": lambda: through(behind.method)}))


WAYS: dict[str, Callable[[Callable[[], Any]], Any]] = {
    "directly": lambda call: call(),
    "in a greenlet that took the context along": lambda call: gevent.spawn(
        zerorpc.fork_task_context(call)
    ).get(),
    "asynchronously": lambda call: call(async_=True).get(),  # type: ignore[call-arg]
}


@pytest.mark.parametrize("way", WAYS)
def test_a_handlers_own_calls_have_no_more_time_than_it(serve: Serve, dial: Dial, way: str) -> None:
    with RawServer() as raw:
        client = relayed(serve, dial, raw, WAYS[way])
        begin(client.relay, timeout=7.0)
        assert 0 < raw.take().header["deadline_ms"] <= 7000
        begin(client.relay, timeout=None)
        assert raw.take().header["deadline_ms"] == 30_000  # that of the relay's own client


def test_a_shorter_timeout_of_its_own_still_holds(serve: Serve, dial: Dial) -> None:
    with RawServer() as raw:
        client = relayed(serve, dial, raw, lambda call: call(timeout=3.0))  # type: ignore[call-arg]
        begin(client.relay, timeout=7.0)
        assert raw.take().header["deadline_ms"] == 3000


def test_after_the_deadline_a_handler_calls_nobody(serve: Serve, dial: Dial) -> None:
    failures: list[BaseException] = []

    def late(call: Callable[[], Any]) -> None:
        # In a greenlet of its own, which does not end with the caller of this handler.
        def call_late() -> None:
            gevent.sleep(0.06)  # beyond the deadline
            try:
                call()
            except zerorpc.TimeoutExpired as error:
                failures.append(error)

        gevent.spawn(zerorpc.fork_task_context(call_late)).join()

    with RawServer() as raw:
        client = relayed(serve, dial, raw, late)
        with pytest.raises(zerorpc.TimeoutExpired):
            client.relay(timeout=0.05)
        wait_until(lambda: failures, "the late call has failed")
        assert raw.socket.poll(0) == 0


def test_a_streams_deadline_ends_with_its_first_item(serve: Serve, dial: Dial) -> None:
    """From then on the reader waits as long as it takes, and so may the generator's calls."""
    first_taken = Gate()

    def items() -> Iterator[Any]:
        yield behind.method()
        first_taken.enter()
        yield behind.method()

    with RawServer() as raw:
        behind = dial(raw.endpoint)
        stream = begin(dial(serve({"items": zerorpc.stream(items)})).items, timeout=7.0)
        request = raw.take()
        assert request.header["deadline_ms"] <= 7000
        raw.answer(request, "OK", ["one"])
        assert next(outcome(stream)) == "one"
        first_taken.open()
        assert raw.take().header["deadline_ms"] == 30_000
    outcome(stream).close()


# -- what is late is not started -----------------------------------------------------------------


def test_a_call_whose_time_is_up_is_not_started(serve: Serve, dial: Dial) -> None:
    """It waits for a free handler and its caller gives up without a word, as stock does."""
    started: list[str] = []
    gate = Gate()
    server = serve({"slow": gate.enter, "note": started.append}, pool_size=1)
    client = dial(server)
    slow = begin(client.slow)
    gate.await_entered()
    with RawPeer(server.endpoints[0]) as raw:
        late = raw.send("note", ["late"], deadline_ms=1)
        timely = raw.send("note", ["timely"], deadline_ms=1_000_000)
        unlimited = raw.send("note", ["unlimited"])
        wait_until(lambda: server.statistics()["waiting"] == 3, "all of them wait")
        gevent.sleep(0.002)  # the deadline itself
        gate.open()
        name, args = raw.receive_answer(late)
        assert (name, args[0]) == ("ERR", "TimeoutExpired")
        assert raw.receive_answer(timely) == ("OK", [None])
        assert raw.receive_answer(unlimited) == ("OK", [None])
    assert outcome(slow) == "passed"
    assert started == ["timely", "unlimited"]


def test_a_call_that_was_given_up_while_it_waited_is_not_started(serve: Serve, dial: Dial) -> None:
    started: list[str] = []
    gate = Gate()
    server = serve({"slow": gate.enter, "note": started.append}, pool_size=1)
    client = dial(server)
    slow = begin(client.slow)
    gate.await_entered()
    with pytest.raises(zerorpc.TimeoutExpired):
        client.note("late", timeout=0.05)
    timely = begin(client.note, "timely")
    # The calls to slow and to note, the word that the latter was given up, and the timely one.
    wait_until(lambda: server.statistics()["events_received"] == 4, "the server knows of it")
    gate.open()
    assert outcome(slow) == "passed"
    outcome(timely)
    assert started == ["timely"]


def test_what_timed_out_unsent_is_never_executed(dial: Dial, tmp_path: Path) -> None:
    executed: list[Any] = []
    endpoint = f"ipc://{tmp_path}/late"
    client = dial(endpoint)
    for number in range(20):
        with pytest.raises(zerorpc.TimeoutExpired):
            client.note(number, timeout=0.01)
    waiting = begin(client.note, "waits")
    with zerorpc.Server({"note": executed.append}) as server:
        server.bind(endpoint)
        running = begin(server.run)
        outcome(waiting)
        client.note("last")
    outcome(running)
    assert executed == ["waits", "last"]


def test_timeouts_hold_however_much_is_unsent(keep: Keep) -> None:
    """ZeroMQ's queue and our own are full; the next call has its timeout all the same (B14)."""
    client = keep(zerorpc.Client(NOBODY, limits=zerorpc.Limits(backlog_bytes=50_000)))

    def call() -> None:
        with pytest.raises(zerorpc.TimeoutExpired):
            client.method(bytes(1000), timeout=0.2)

    for calling in [gevent.spawn(call) for _ in range(1200)]:
        outcome(calling)
    assert open_calls(client) == 0
    (counters,) = client.statistics().values()
    assert counters["queued_messages"] == 0


def test_nobody_there_is_lost_before_the_timeout_by_the_heartbeat(dial: Dial) -> None:
    with pytest.raises(zerorpc.LostRemote, match="no connection"):
        dial(NOBODY, heartbeat=0.05).method()
    with pytest.raises(zerorpc.TimeoutExpired):
        dial(NOBODY, heartbeat=None, timeout=0.1).method()
    with pytest.raises(zerorpc.TimeoutExpired):
        dial(NOBODY, heartbeat=0.01, passive_heartbeat=True, timeout=0.1).method()
