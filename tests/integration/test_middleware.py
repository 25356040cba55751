"""Middleware: every hook, when and with what it is called, in the order that stock has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Keep,
    Serve,
    begin,
    open_calls,
    outcome,
    wait_until,
)

TEN_HOOKS = 10


def name_of(thing: Any) -> str | None:
    """The name of an event, the type of anything else, None for None."""
    if thing is None:
        return None
    return str(getattr(thing, "name", type(thing).__name__))


class Recorder:
    """Has every hook and notes each call of one, with the names of its arguments."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def resolve_endpoint(self, endpoint: str) -> str:
        self.calls.append(("resolve_endpoint",))
        return endpoint

    def load_task_context(self, event_header: dict[str, Any]) -> None:
        self.calls.append(("load_task_context", event_header.get("side")))

    def get_task_context(self) -> dict[str, Any]:
        self.calls.append(("get_task_context",))
        return {"side": "recorded"}

    def server_before_exec(self, request: Any) -> None:
        self.calls.append(("server_before_exec", request.name))

    def server_after_exec(self, request: Any, reply: Any) -> None:
        self.calls.append(("server_after_exec", request.name, name_of(reply)))

    def server_inspect_exception(
        self, request: Any, reply: Any, task_context: dict[str, Any], exc_infos: Any
    ) -> None:
        kind = exc_infos[0].__name__
        entry = ("server_inspect_exception", request.name, name_of(reply), kind)
        self.calls.append((*entry, type(exc_infos).__name__, task_context["side"]))

    def client_handle_remote_error(self, event: Any) -> None:
        self.calls.append(("client_handle_remote_error", event.name))

    def client_before_request(self, event: Any) -> None:
        self.calls.append(("client_before_request", event.name))

    def client_after_request(self, request: Any, reply: Any, exception: Any) -> None:
        ending = (name_of(reply), type(exception).__name__ if exception else None)
        self.calls.append(("client_after_request", request.name, *ending))

    def client_patterns_list(self, patterns: list[Any]) -> list[Any]:
        self.calls.append(("client_patterns_list", len(patterns)))
        return patterns


class Service:
    """Succeeds and fails in each way there is."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def fail(self) -> None:
        raise ValueError("failed")

    @zerorpc.stream
    def count(self, n: int) -> Iterator[int]:
        yield from range(n)

    @zerorpc.stream
    def breaks(self) -> Iterator[int]:
        yield 0
        raise ValueError("broken")


@pytest.fixture
def recorder(context: zerorpc.Context) -> Recorder:
    """Hooks of both sides, which share the test's context."""
    made = Recorder()
    assert context.register_middleware(made) == TEN_HOOKS
    return made


@pytest.fixture
def client(
    serve: Serve, dial: Dial, context: zerorpc.Context, recorder: Recorder
) -> zerorpc.Client:
    """A client of `Service`, both of the test's context."""
    client = dial(serve(Service(), context=context), context=context)
    recorder.calls.clear()
    return client


CALL = [("get_task_context",), ("client_before_request", "{name}")]
CALL += [("load_task_context", "recorded")]
BEFORE_EXEC = [("server_before_exec", "{name}"), ("get_task_context",)]
ANSWER = [("client_patterns_list", 2)]
FAILED = [("get_task_context",), ("get_task_context",)]


def inspected(name: str, kind: str) -> tuple[Any, ...]:
    return ("server_inspect_exception", name, "ERR", kind, "list", "recorded")


def ended(name: str, reply: str | None, error: str | None = None) -> tuple[Any, ...]:
    return ("client_after_request", name, reply, error)


REMOTE_ERROR = ("client_handle_remote_error", "ERR")

# As measured with stock zerorpc 0.6.3.
ORDERS: dict[str, list[tuple[Any, ...]]] = {
    "add": [
        *CALL,
        *BEFORE_EXEC,
        ("server_after_exec", "add", "OK"),
        *ANSWER,
        ended("add", "OK"),
    ],
    "fail": [
        *CALL,
        BEFORE_EXEC[0],
        *FAILED,
        inspected("fail", "ValueError"),
        *ANSWER,
        REMOTE_ERROR,
        ended("fail", "ERR", "RemoteError"),
    ],
    "unknown": [
        *CALL,
        *FAILED,
        inspected("unknown", "NameError"),
        *ANSWER,
        REMOTE_ERROR,
        ended("unknown", "ERR", "RemoteError"),
    ],
    "empty": [
        *CALL,
        *BEFORE_EXEC,
        ("server_after_exec", "count", "STREAM_DONE"),
        *ANSWER,
        ended("count", "STREAM_DONE"),
    ],
}


def filled(order: list[tuple[Any, ...]], name: str) -> list[tuple[Any, ...]]:
    return [tuple(name if part == "{name}" else part for part in call) for call in order]


CALLS: dict[str, tuple[str, list[int]]] = {
    "add": ("add", [1, 2]),
    "fail": ("fail", []),
    "unknown": ("unknown", []),
    "empty": ("count", [0]),
}


@pytest.mark.parametrize("async_", [False, True])
@pytest.mark.parametrize("case", CALLS)
def test_the_order_of_a_call(
    client: zerorpc.Client, recorder: Recorder, case: str, async_: bool
) -> None:
    name, args = CALLS[case]
    try:
        result = client(name, *args, async_=async_)
        result = result.get(timeout=PATIENCE) if async_ else result
        if case == "empty":
            assert list(result) == []
    except zerorpc.RemoteError:
        assert case in ("fail", "unknown")
    assert recorder.calls == filled(ORDERS[case], name)


@pytest.mark.parametrize("async_", [False, True])
def test_the_order_of_a_stream(client: zerorpc.Client, recorder: Recorder, async_: bool) -> None:
    stream = client.count(3, async_=async_)
    stream = stream.get(timeout=PATIENCE) if async_ else stream
    assert list(stream) == [0, 1, 2]
    calls = recorder.calls
    # What the sides do at the same time may come in either order.
    assert calls[:5] == filled([*CALL, *BEFORE_EXEC], "count")
    assert sorted(calls[5:7]) == [*ANSWER, ("server_after_exec", "count", "STREAM_DONE")]
    assert calls[7:] == [ended("count", "STREAM_DONE")]


def test_the_order_of_a_stream_that_breaks(client: zerorpc.Client, recorder: Recorder) -> None:
    with pytest.raises(zerorpc.RemoteError, match="broken"):
        list(client.breaks())
    calls = [call for call in recorder.calls if call not in ANSWER]
    assert calls == [
        *filled([*CALL, *BEFORE_EXEC, *FAILED], "breaks"),
        inspected("breaks", "ValueError"),
        REMOTE_ERROR,
        ended("breaks", "ERR", "RemoteError"),
    ]


def test_the_order_of_a_call_that_times_out(
    dial: Dial, context: zerorpc.Context, recorder: Recorder
) -> None:
    with RawServer() as raw, pytest.raises(zerorpc.TimeoutExpired):
        dial(raw.endpoint, context=context).add(1, 2, timeout=0.05)
    assert recorder.calls[1:] == [*filled(CALL[:2], "add"), ended("add", None, "TimeoutExpired")]


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_call_that_is_given_up_ends_for_its_hooks_too(
    dial: Dial, context: zerorpc.Context, recorder: Recorder, is_stream: bool
) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, context=context, heartbeat=FAR_AWAY)
        calling = begin(client.count, 3)
        request = raw.take()
        if is_stream:
            raw.answer(request, "STREAM", 0)
            calling = begin(list, outcome(calling))
            raw.take()  # it asks for more, and waits
        calling.kill(gevent.Timeout(1))
    assert recorder.calls[-1] == ended("count", None, "Timeout")
    assert open_calls(client) == 0


@pytest.mark.parametrize("how", ["call", "async", "stream", "close"])
def test_the_order_of_a_call_that_ends_without_an_answer(
    dial: Dial, context: zerorpc.Context, recorder: Recorder, how: str
) -> None:
    failure = zerorpc.ClosedError if how == "close" else zerorpc.LostRemote
    with RawServer() as raw:
        client = dial(raw.endpoint, context=context, heartbeat=FAR_AWAY)
        calling = begin(client.count, 3, async_=how == "async")
        request = raw.take()
        if how == "stream":
            raw.answer(request, "STREAM", 0)
            stream = outcome(calling)
            assert next(stream) == 0
            calling = begin(next, stream)
        if how == "close":
            client.close()
    with pytest.raises(failure):
        outcome(calling).get(timeout=PATIENCE)
    assert recorder.calls[-1] == ended("count", None, failure.__name__)
    assert open_calls(client) == 0


def test_an_answer_of_no_known_pattern_is_a_runtime_error(
    dial: Dial, context: zerorpc.Context, recorder: Recorder
) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, context=context)
        calling = begin(client.add, 1, 2)
        raw.answer(raw.take(), "WHAT", [])
        with pytest.raises(RuntimeError, match="Unable to find a pattern for: 'WHAT'"):
            outcome(calling)
        assert recorder.calls[-1] == ended("add", "WHAT", "UnknownAnswer")
        assert open_calls(client) == 0


def test_a_stream_may_end_in_what_is_no_known_pattern_too(
    dial: Dial, context: zerorpc.Context, recorder: Recorder
) -> None:
    with RawServer() as raw:
        for hooked in (False, True):
            client = dial(raw.endpoint, context=context if hooked else None)
            calling = begin(client.items)
            while (request := raw.take()).name != "items":
                pass  # the stream before is closed
            raw.answer(request, "STREAM", 1)
            stream = outcome(calling)
            raw.answer(request, "WHAT", [])
            assert next(stream) == 1
            with pytest.raises(zerorpc.ZerorpcError, match="'WHAT'"):
                outcome(begin(next, stream))
            wait_until(lambda: open_calls(client) == 0, "it is closed")  # noqa: B023
        assert recorder.calls[-1] == ended("items", "WHAT", "UnknownAnswer")


def test_the_order_of_one_way_messages(
    keep: Keep, context: zerorpc.Context, recorder: Recorder
) -> None:
    puller = keep(zerorpc.Puller(Service(), context=context))
    pusher = keep(zerorpc.Pusher(context=context))
    pusher.connect(puller.bind(ANY_PORT))
    recorder.calls.clear()
    running = begin(puller.run)

    def order_of(method: str, *args: Any) -> list[tuple[Any, ...]]:
        recorder.calls.clear()
        before = puller.statistics()["events_received"]
        pusher(method, *args)
        wait_until(lambda: puller.statistics()["events_received"] > before, "it has come")
        gevent.sleep(0)
        return list(recorder.calls)

    pushed = [("get_task_context",), ("load_task_context", "recorded")]
    assert order_of("add", 1, 2) == [
        *pushed,
        ("server_before_exec", "add"),
        ("server_after_exec", "add", None),
    ]
    assert order_of("fail") == [
        *pushed,
        ("server_before_exec", "fail"),
        ("get_task_context",),
        ("server_inspect_exception", "fail", None, "ValueError", "tuple", "recorded"),
    ]
    assert order_of("unknown") == [
        *[("get_task_context",)] * 2,
        ("server_inspect_exception", "unknown", None, "NameError", "tuple", "recorded"),
    ]
    puller.stop()
    outcome(running)
