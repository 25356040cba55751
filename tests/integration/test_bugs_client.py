"""Bugs of stock clients that ours must not have; the numbers are those of tests/test_bugs.py."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from greenlet import greenlet

import zerorpc
from tests.integration.faults.outcome import Calls, kinds, outcome_of
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
    wait_until,
)


class Hooks:
    """Remembers every `client_after_request`."""

    def __init__(self) -> None:
        self.after: list[tuple[str, Any, Any]] = []

    def client_after_request(self, request: Any, reply: Any, exception: Any) -> None:
        self.after.append((request.name, reply, exception))


def living_greenlets() -> int:
    gc.collect()
    return sum(isinstance(each, greenlet) and not each.dead for each in gc.get_objects())


def nowhere() -> str:
    """An endpoint where nobody is: of a socket that was closed just now."""
    with RawServer() as raw:
        return raw.endpoint


def test_b5_a_lost_remote_comes_out_of_its_own_call_only(dial: Dial) -> None:
    with RawServer() as silent:
        client = dial(silent.endpoint, heartbeat=0.1)
        result = client.method(async_=True)
        abandoned = begin(client.method)
        # This greenlet made the calls; nothing may be thrown into what it does meanwhile.
        wait_until(lambda: result.ready() and abandoned.ready(), "both calls are over")
        with pytest.raises(zerorpc.LostRemote):
            result.get(timeout=PATIENCE)
        with pytest.raises(zerorpc.LostRemote):
            abandoned.get(timeout=PATIENCE)


def test_b6_an_argument_that_cannot_travel_opens_no_channel(dial: Dial) -> None:
    with RawServer() as silent:
        client = dial(silent.endpoint, heartbeat=0.1)
        for _ in range(10):
            with pytest.raises(TypeError):
                client.add(object())
        assert open_calls(client) == 0
        # Two calls that are lost one after the other take longer than stock takes to throw the
        # LostRemote of the channels that it left; nothing may come but what is theirs.
        for _ in range(2):
            with pytest.raises(zerorpc.LostRemote, match="method"):
                client.method()


def test_b7_a_lost_remote_leaves_nothing_and_is_told_to_middleware(
    dial: Dial, context: zerorpc.Context
) -> None:
    hooks = Hooks()
    context.register_middleware(hooks)
    with RawServer() as silent:
        client = dial(silent.endpoint, heartbeat=0.1, context=context)
        before = living_greenlets()
        outcomes = Calls([client.method] * 10).outcomes(PATIENCE)
        assert kinds(outcomes) == {"LostRemote": 10}
        assert open_calls(client) == 0
        del outcomes
        wait_until(lambda: living_greenlets() <= before, "no greenlet is left")
    assert [type(exception) for _, _, exception in hooks.after] == [zerorpc.LostRemote] * 10


def test_b8_an_iterator_read_elsewhere_learns_of_a_silent_server(dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=0.1)
        calling = begin(client.count, 3)
        raw.answer(raw.take(), "STREAM", 0)
        stream = calling.get(timeout=PATIENCE)
        reading = gevent.spawn(list, stream)
        with pytest.raises(zerorpc.LostRemote):
            reading.get(timeout=PATIENCE)


def test_b14_timeouts_cover_sending(dial: Dial) -> None:
    client = dial(nowhere(), heartbeat=None, limits=zerorpc.Limits(backlog_bytes=1 << 20))
    calls = [functools.partial(client, "method", bytes(1000), timeout=0.3)] * 2500
    outcomes = Calls(calls).outcomes(PATIENCE)
    assert kinds(outcomes) == {"TimeoutExpired": 2500}
    assert open_calls(client) == 0


def test_b14_a_pusher_without_puller_is_not_stuck(keep: Keep) -> None:
    limits = zerorpc.Limits(backlog_bytes=100_000)
    pusher = keep(zerorpc.Pusher(timeout=0.2, limits=limits))
    pusher.connect(nowhere())

    def push_much() -> None:
        for _ in range(200):
            pusher.work(bytes(1000))

    assert outcome_of(push_much).kind == "TimeoutExpired"


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_b16_streams_with_few_slots_are_whole(serve: Serve, dial: Dial, slots: int) -> None:
    client = dial(serve({"count": zerorpc.stream(range)}))
    assert list(client("count", 300, slots=slots)) == list(range(300))


def test_b18_what_timed_out_before_the_server_came_is_not_executed(
    serve: Serve, dial: Dial
) -> None:
    endpoint = nowhere()
    executed: list[object] = []
    client = dial(endpoint)
    outcomes = Calls(
        [functools.partial(client, "note", number, timeout=0.1) for number in range(50)]
    ).outcomes(PATIENCE)
    assert kinds(outcomes) == {"TimeoutExpired": 50}
    serve({"note": executed.append}, endpoint=endpoint)
    client.note("fresh")
    assert executed == ["fresh"]


def test_b18_a_call_whose_deadline_passed_in_the_queue_is_not_started(serve: Serve) -> None:
    executed: list[int] = []
    gate = Gate()
    server = serve({"hold": gate.enter, "note": executed.append}, pool_size=1)
    with RawPeer(server.endpoints[0]) as raw:
        holding = raw.send("hold", [])
        late = raw.send("note", [1], deadline_ms=20)
        wait_until(lambda: server.statistics()["waiting"] == 1, "the call waits for its turn")
        gevent.sleep(0.03)  # the deadline passes
        gate.open()
        assert raw.receive_answer(holding) == ("OK", ["passed"])
        name, args = raw.receive_answer(late)
        assert (name, args[0]) == ("ERR", "TimeoutExpired")
    assert executed == []


def test_b22_after_close_everything_raises(serve: Serve, dial: Dial) -> None:
    server = serve({"add": lambda a, b: a + b, "count": zerorpc.stream(range)})
    client = dial(server)
    stream = client.count(5000)
    assert next(stream) == 0
    waiting = dial(nowhere())
    calling = begin(outcome_of, waiting.method)
    waiting.close()
    assert calling.get(timeout=PATIENCE).kind == "ClosedError"
    client.close()
    uses: list[Callable[[], Any]] = [
        functools.partial(client.add, 1, 2),
        functools.partial(list, stream),
        functools.partial(client.connect, server.endpoints[0]),
    ]
    for use in uses:
        assert outcome_of(use).kind == "ClosedError"
    client.close()
    server.close()
    assert outcome_of(server.run).kind == "ClosedError"
    for kind in (zerorpc.Pusher, zerorpc.Publisher):
        sender = kind()
        sender.close()
        assert outcome_of(functools.partial(sender.work, 1)).kind == "ClosedError"
    for receiver_kind in (zerorpc.Puller, zerorpc.Subscriber):
        receiver = receiver_kind({})
        receiver.close()
        assert outcome_of(receiver.run).kind == "ClosedError"


def in_thread(work: Any) -> Any:
    """Run a function in another OS thread, while this thread's greenlets go on."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_until(lambda: results and not thread.is_alive(), "the thread has ended")
    return results[0]


def test_b24_each_thread_can_have_its_own_client(serve: Serve) -> None:
    server = serve({"add": lambda a, b: a + b, "count": zerorpc.stream(range)})

    def use() -> list[Any]:
        with zerorpc.Client(server.endpoints[0]) as client:
            return [client.add(1, 2), *client.count(300)]

    assert in_thread(use) == [3, *range(300)]


def test_b24_another_threads_client_says_so(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"add": lambda a, b: a + b}))
    assert client.add(1, 2) == 3
    error = in_thread(lambda: client.add(1, 2))
    assert isinstance(error, zerorpc.ZerorpcError)
    assert "thread" in str(error)
    assert client.add(1, 2) == 3


def annotated(a: int, /, b: str = "x", *, c: bool = False) -> None:
    """Annotated, positional-only and keyword-only."""


def test_b25_b26_introspection_works_for_every_signature(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"annotated": annotated, "builtin": len, "plain": lambda x: x}))
    told = client._zerorpc_inspect()
    assert sorted(name for name in told["methods"] if not name.startswith("_")) == [
        "annotated",
        "builtin",
        "plain",
    ]
    assert {"name": "b", "default": "x"} in told["methods"]["annotated"]["args"]
    assert client._zerorpc_args("plain")[0] == ["x"]
    assert client._zerorpc_help("annotated").startswith("Annotated")


def test_b17_a_stream_that_falls_silent_without_heartbeats_times_out(dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=None, timeout=0.2)
        calling = begin(client.count, FAR_AWAY)
        request = raw.take()
        raw.answer(request, "STREAM", 0)
        stream = calling.get(timeout=PATIENCE)
        assert next(stream) == 0
        reading = begin(outcome_of, lambda: next(stream))
        assert reading.get(timeout=PATIENCE).kind == "TimeoutExpired"
