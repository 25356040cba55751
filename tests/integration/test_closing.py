"""Closing: everything that waits ends, everything later raises ClosedError, nothing is left."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from greenlet import greenlet

import zerorpc
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
    outcome,
    wait_until,
)

NOBODY = "tcp://127.0.0.1:1"
ECHO = {"echo": lambda value: value, "count": zerorpc.stream(range)}


# -- after closing -------------------------------------------------------------------------------

USES: dict[str, tuple[Callable[[], Any], list[Callable[[Any], Any]]]] = {
    "client": (
        lambda: zerorpc.Client(NOBODY),
        [
            lambda it: it.echo(1),
            lambda it: it("echo", 1),
            lambda it: it.echo(1, async_=True),
            lambda it: it.connect(NOBODY),
            lambda it: it.bind(ANY_PORT),
            lambda it: it.disconnect(NOBODY),
        ],
    ),
    "server": (
        lambda: zerorpc.Server(ECHO),
        [
            lambda it: it.run(),
            lambda it: it.connect(NOBODY),
            lambda it: it.bind(ANY_PORT),
            lambda it: it.disconnect(NOBODY),
        ],
    ),
    "pusher": (
        zerorpc.Pusher,
        [
            lambda it: it.echo(1),
            lambda it: it("echo", 1),
            lambda it: it.connect(NOBODY),
            lambda it: it.bind(ANY_PORT),
            lambda it: it.disconnect(NOBODY),
        ],
    ),
    "puller": (
        lambda: zerorpc.Puller(ECHO),
        [
            lambda it: it.run(),
            lambda it: it.connect(NOBODY),
            lambda it: it.bind(ANY_PORT),
            lambda it: it.disconnect(NOBODY),
        ],
    ),
}
USES["publisher"] = (zerorpc.Publisher, USES["pusher"][1])
USES["subscriber"] = (lambda: zerorpc.Subscriber(ECHO), USES["puller"][1])


@pytest.mark.parametrize("kind", USES)
def test_everything_after_close_is_a_closed_error(kind: str) -> None:
    make, uses = USES[kind]
    it = make()
    it.close()
    it.close()  # once more is harmless
    for use in uses:
        with gevent.Timeout(PATIENCE), pytest.raises(zerorpc.ClosedError, match="closed"):
            use(it)
    assert it.endpoints == []
    if hasattr(type(it), "statistics"):
        it.statistics()
    if hasattr(type(it), "stop"):
        it.stop()


def test_a_call_that_was_refused_for_another_server_ends_when_the_client_closes(
    dial: Dial,
) -> None:
    """Whoever is woken first closes the client: the second has nobody left to ask."""
    with RawServer() as raw:
        client = dial(raw.endpoint)

        def ask_and_close() -> None:
            client.first()
            client.close()

        asking = begin(ask_and_close)
        first = raw.take()
        refused = client.second(async_=True)
        second = raw.take()
        # In one batch: nobody else has a turn in between, and a row has made the client read more
        # at a time.
        for _ in range(600):
            raw.send("OK", [None], response_to=b"nothing", envelope=[first.identity])
        raw.answer(first, "OK", [None])
        raw.answer(second, "ERR", ["Draining", "not started", None], draining=True)
        with pytest.raises(zerorpc.ClosedError):
            refused.get(timeout=PATIENCE)
        outcome(asking)


@pytest.mark.parametrize("kind", USES)
def test_the_with_statement_closes(kind: str) -> None:
    make, uses = USES[kind]
    with make() as it:
        it.connect("tcp://127.0.0.1:2")
    with pytest.raises(zerorpc.ClosedError):
        uses[0](it)


def fail_inside(it: Any) -> None:
    with it:
        raise LookupError("inside")


def test_the_with_statement_lets_errors_through() -> None:
    client = zerorpc.Client(NOBODY)
    with pytest.raises(LookupError, match="inside"):
        fail_inside(client)
    with pytest.raises(zerorpc.ClosedError):
        client.echo(1)


# -- what waits when a client closes -------------------------------------------------------------


def waiting_call(client: zerorpc.Client, raw: RawServer) -> gevent.Greenlet[..., Any]:
    calling = begin(client.method)
    raw.take()
    return calling


def waiting_async(client: zerorpc.Client, raw: RawServer) -> gevent.Greenlet[..., Any]:
    result = client.method(async_=True)
    raw.take()
    return begin(result.get)


def waiting_stream(client: zerorpc.Client, raw: RawServer) -> gevent.Greenlet[..., Any]:
    calling = begin(client.method)
    raw.answer(raw.take(), "STREAM", 0)
    stream = outcome(calling)
    assert next(stream) == 0
    return begin(next, stream)


def waiting_unsent(client: zerorpc.Client, raw: RawServer) -> gevent.Greenlet[..., Any]:
    client.disconnect(raw.endpoint)
    client.connect(NOBODY)
    return begin(client.method)


def waiting_for_room(client: zerorpc.Client, raw: RawServer) -> gevent.Greenlet[..., Any]:
    waiting_unsent(client, raw)
    begin(client.method, bytes(1000))
    return begin(client.method)


WAITING = [waiting_call, waiting_async, waiting_stream, waiting_unsent, waiting_for_room]


@pytest.mark.parametrize("waiting", WAITING, ids=lambda each: str(each.__name__))
@pytest.mark.parametrize("has_hooks", [False, True])
def test_what_waits_ends_when_its_client_closes(
    keep: Keep, context: zerorpc.Context, waiting: Any, has_hooks: bool
) -> None:
    if has_hooks:
        context.register_middleware({"get_task_context": dict})
    limits = zerorpc.Limits(backlog_bytes=500)
    client = keep(zerorpc.Client(context=context, heartbeat=FAR_AWAY, limits=limits))
    with RawServer() as raw:
        client.connect(raw.endpoint)
        calling = waiting(client, raw)
        assert not calling.ready()
        client.close()
        with pytest.raises(zerorpc.ClosedError):
            outcome(calling)


def test_a_stream_ends_when_its_client_is_closed_between_two_items(
    serve: Serve, dial: Dial
) -> None:
    client = dial(serve(ECHO))
    stream = client.count(5000)
    assert next(stream) == 0
    client.close()
    with pytest.raises(zerorpc.ClosedError):
        list(stream)


def test_disconnecting_ends_what_was_open_there(keep: Keep, dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=FAR_AWAY)
        calling = waiting_call(client, raw)
        client.disconnect(raw.endpoint)
        with pytest.raises(zerorpc.ClosedError):
            outcome(calling)


def test_a_method_may_close_the_client_that_called_it(serve: Serve, dial: Dial) -> None:
    client = dial()
    client.connect(serve({"close_it": client.close}).endpoints)
    with pytest.raises(zerorpc.ClosedError):
        client("close_it")


# -- what waits when a server closes -------------------------------------------------------------


def test_callers_handlers_and_run_end_when_a_server_closes(dial: Dial) -> None:
    gate = Gate()
    server = zerorpc.Server({"slow": gate.enter}, heartbeat=FAR_AWAY)
    server.bind(ANY_PORT)
    running = begin(server.run)
    client = dial(server, heartbeat=FAR_AWAY)
    calls = [begin(client.slow) for _ in range(3)]
    gate.await_entered(3)
    server.close()
    outcome(running)
    for call in calls:
        with pytest.raises(zerorpc.RemoteError, match="the server was closed") as caught:
            outcome(call)
        assert caught.value.name == "ClosedError"
    wait_until(lambda: gate.ended == ["ClosedError"] * 3, "every handler is ended")


def test_a_method_may_close_its_own_server(dial: Dial) -> None:
    def close_it() -> str:
        server.close()
        return "never arrives"

    server = zerorpc.Server({"close_it": close_it}, heartbeat=FAR_AWAY)
    server.bind(ANY_PORT)
    running = begin(server.run)
    with pytest.raises((zerorpc.RemoteError, zerorpc.LostRemote)):
        dial(server, heartbeat=FAR_AWAY)("close_it")
    outcome(running)


def test_a_server_runs_once_at_a_time(serve: Serve) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        serve(ECHO).run()


def test_killing_run_ends_the_calls_but_not_the_server(keep: Keep, dial: Dial) -> None:
    gate = Gate()
    server = keep(zerorpc.Server({"slow": gate.enter, **ECHO}))
    server.bind(ANY_PORT)
    running = begin(server.run)
    client = dial(server)
    slow = begin(client.slow)
    gate.await_entered()
    running.kill()
    with pytest.raises(zerorpc.RemoteError, match="the server stopped"):
        outcome(slow)
    begin(server.run)
    assert client.echo(1) == 1


def test_a_puller_ends_when_it_closes() -> None:
    puller = zerorpc.Puller(ECHO)
    puller.bind(ANY_PORT)
    running = begin(puller.run)
    puller.close()
    outcome(running)


def test_what_was_pushed_before_close_arrives() -> None:
    received: list[int] = []
    with zerorpc.Puller({"note": received.append}) as puller:
        begin(puller.run)
        pusher = zerorpc.Pusher()
        pusher.connect(puller.bind(ANY_PORT))
        for number in range(1000):
            pusher.note(number)
        pusher.close()
        wait_until(lambda: len(received) == 1000, "all have come")
    assert received == list(range(1000))


def test_closing_a_pusher_without_puller_does_not_hang() -> None:
    pusher = zerorpc.Pusher()
    pusher.connect(NOBODY)
    pusher.note(1)
    with gevent.Timeout(PATIENCE):
        pusher.close()


# -- nothing is left -----------------------------------------------------------------------------


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def living_greenlets() -> int:
    gc.collect()
    return sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())


def use_and_close(endpoint: str) -> None:
    with zerorpc.Client(endpoint) as client:
        assert client.echo(1) == 1
    with zerorpc.Server(ECHO) as server:
        server.bind(ANY_PORT)
    with zerorpc.Pusher() as pusher, zerorpc.Subscriber(ECHO) as subscriber:
        pusher.connect(NOBODY)
        subscriber.connect(NOBODY)


def use_and_drop(endpoint: str) -> None:
    assert zerorpc.Client(endpoint).echo(1) == 1
    assert next(zerorpc.Client(endpoint).count(3)) == 0
    zerorpc.Server(ECHO).bind(ANY_PORT)
    zerorpc.Pusher().connect(NOBODY)
    zerorpc.Subscriber(ECHO).connect(NOBODY)


@pytest.mark.parametrize("use", [use_and_close, use_and_drop])
def test_objects_leave_nothing_behind(serve: Serve, use: Callable[[str], None]) -> None:
    """The soak does this 2,000 times and looks at the memory as well."""
    server = serve(ECHO)
    (endpoint,) = server.endpoints
    for _ in range(3):  # what is made once, and kept
        use(endpoint)
    wait_until(lambda: server.statistics()["open_channels"] == 0, "the server is idle")
    files, greenlets = open_files(), living_greenlets()
    for _ in range(20):
        use(endpoint)
    wait_until(lambda: open_files() <= files + 5, "the file descriptors are closed")
    wait_until(lambda: living_greenlets() <= greenlets + 5, "the greenlets have ended")
