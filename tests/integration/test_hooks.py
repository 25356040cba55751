"""Middleware: what hooks can do, and what an error in one costs: its own call, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import gevent.local
import pytest

import zerorpc
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


def fail() -> None:
    raise ValueError("failed")


SERVICE = {"add": lambda a, b: a + b, "fail": fail, "count": zerorpc.stream(range)}


# -- what hooks can do ---------------------------------------------------------------------------


class Tracer:
    """Carries a trace id from greenlet to greenlet and from process to process."""

    def __init__(self) -> None:
        self.local = gevent.local.local()

    def load_task_context(self, event_header: dict[str, Any]) -> None:
        self.local.trace_id = event_header.get("trace_id")

    def get_task_context(self) -> dict[str, Any]:
        return {"trace_id": getattr(self.local, "trace_id", None)}


@pytest.mark.parametrize("async_", [False, True])
def test_a_trace_id_goes_along_through_servers_and_back(
    serve: Serve, dial: Dial, context: zerorpc.Context, async_: bool
) -> None:
    tracer = Tracer()
    context.register_middleware(tracer)
    seen = []

    def deep() -> str:
        seen.append(tracer.local.trace_id)
        return "deep"

    def shallow() -> Any:
        seen.append(tracer.local.trace_id)
        work = zerorpc.fork_task_context(lambda: called(behind.deep), context)
        return gevent.spawn(work).get()

    def called(method: Callable[..., Any]) -> Any:
        return method(async_=True).get(timeout=PATIENCE) if async_ else method()

    behind = dial(serve({"deep": deep}, context=context), context=context)
    client = dial(serve({"shallow": shallow}, context=context), context=context)
    for trace_id in ("first", "second"):
        tracer.local.trace_id = trace_id
        assert called(client.shallow) == "deep"
    assert seen == ["first", "first", "second", "second"]


def test_headers_of_answers_carry_the_servers_context(
    serve: Serve, dial: Dial, context: zerorpc.Context, other_context: zerorpc.Context
) -> None:
    context.register_middleware({"get_task_context": lambda: {"a": 1, "b": 1}})
    context.register_middleware({"get_task_context": lambda: {"b": 2}})
    replies: list[dict[str, Any]] = []
    other_context.register_middleware(
        {"client_after_request": lambda request, reply, error: replies.append(reply.header)}
    )
    client = dial(serve(SERVICE, context=context), context=other_context)
    client.add(1, 2)
    list(client.count(2))
    with pytest.raises(zerorpc.RemoteError):
        client.fail()
    assert [(header["a"], header["b"]) for header in replies] == [(1, 2)] * 3


def test_a_hook_may_replace_the_remote_error(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    errors = dict.fromkeys(("ValueError", "TypeError"), KeyError("mapped"))
    context.register_middleware({"client_handle_remote_error": lambda e: errors.get(e.args[0])})
    context.register_middleware({"client_handle_remote_error": lambda e: None})
    client = dial(serve(SERVICE), context=context)
    with pytest.raises(KeyError, match="mapped"):
        client.fail()
    with pytest.raises(KeyError, match="mapped"):
        list(client.count(None))
    with pytest.raises(zerorpc.RemoteError):
        client.unknown()


def test_a_hook_may_change_the_request(serve: Serve, dial: Dial, context: zerorpc.Context) -> None:
    def double(event: Any) -> None:
        event.args = [2 * each for each in event.args]

    context.register_middleware({"client_before_request": double})
    assert dial(serve(SERVICE), context=context).add(1, 2) == 6


def test_unknown_names_are_no_hooks(context: zerorpc.Context) -> None:
    assert context.register_middleware(object()) == 0
    assert context.register_middleware({"no_hook": print, "get_task_context": dict}) == 1
    assert context.hook_get_task_context() == {}


def test_a_hook_has_to_be_callable(context: zerorpc.Context) -> None:
    with pytest.raises(TypeError, match="the hook 'server_before_exec' is not callable: 5"):
        context.register_middleware({"server_before_exec": 5})


def test_what_the_protocol_says_itself_is_not_for_hooks_to_say(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    """With the `v` of another version a stream had no end, and with `response_to` no call had."""
    seen: list[dict[str, Any]] = []
    context.register_middleware(
        {
            "get_task_context": lambda: {
                "v": 1,
                "message_id": 1,
                "response_to": b"x",
                "deadline_ms": 1,
                "trace": 7,
            },
            "load_task_context": seen.append,
        }
    )
    client = dial(serve(SERVICE, context=context), context=context)
    assert list(client.count(300)) == list(range(300))
    assert client.add(1, 2) == 3
    assert [(header["v"], header["trace"]) for header in seen] == [(3, 7)] * 2


# -- errors in hooks -----------------------------------------------------------------------------


def failing(*_args: Any) -> None:
    raise LookupError("hook")


@pytest.mark.parametrize("hook", ["load_task_context", "server_before_exec", "server_after_exec"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_a_servers_hook_is_that_of_its_call(
    serve: Serve, dial: Dial, context: zerorpc.Context, hook: str, stream: bool
) -> None:
    gate = Gate()
    served = serve(
        {"count": zerorpc.stream(range), "add": max, "slow": gate.enter}, context=context
    )
    client = dial(served)
    bystander = begin(client.slow)
    gate.await_entered()
    context.register_middleware({hook: failing})
    with pytest.raises(zerorpc.RemoteError, match="hook") as caught:
        list(client.count(3)) if stream else client.add(1, 2)
    assert caught.value.name == "LookupError"
    gate.open()
    assert outcome(bystander) == "passed"


def test_an_error_in_the_hook_of_errors_still_answers(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    context.register_middleware({"server_inspect_exception": failing})
    client = dial(serve(SERVICE, context=context))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.fail()
    assert caught.value.name in ("ValueError", "LookupError")
    assert client.add(1, 2) == 3


@pytest.mark.parametrize(
    "hook", ["client_before_request", "client_after_request", "client_patterns_list"]
)
@pytest.mark.parametrize("async_", [False, True])
def test_an_error_in_a_clients_hook_comes_out_of_its_call(
    serve: Serve, dial: Dial, context: zerorpc.Context, hook: str, async_: bool
) -> None:
    server = serve(SERVICE)
    client = dial(server, context=context)
    assert client.add(1, 2) == 3
    context.register_middleware({hook: failing})
    with pytest.raises(LookupError, match="hook"):
        client.add(1, 2, async_=async_).get(timeout=PATIENCE)
    assert open_calls(client) == 0
    wait_until(lambda: server.statistics()["open_channels"] == 0, "the server has forgotten it")


def test_an_error_in_a_pullers_hook_costs_its_message_only(
    keep: Keep, context: zerorpc.Context
) -> None:
    received: list[int] = []

    def picky(event: Any) -> None:
        if event.args == [1]:
            raise LookupError("hook")

    context.register_middleware({"server_before_exec": picky})
    puller = keep(zerorpc.Puller({"note": received.append}, context=context))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    begin(puller.run)
    for number in range(3):
        pusher.note(number)
    wait_until(lambda: len(received) == 2, "the others have come")
    assert received == [0, 2]


# -- what began must end -------------------------------------------------------------------------


@pytest.fixture
def told(context: zerorpc.Context) -> list[str]:
    """What a middleware heard of calls: their beginnings, and their ends."""
    heard: list[str] = []
    context.register_middleware(
        {
            "client_before_request": lambda event: heard.append("before"),
            "client_after_request": lambda request, reply, error: heard.append(repr(error)),
        }
    )
    return heard


def test_a_call_that_cannot_be_sent_is_told_of_to_the_end(
    serve: Serve, dial: Dial, context: zerorpc.Context, told: list[str]
) -> None:
    with pytest.raises(TypeError, match="can not serialize"):
        dial(serve(SERVICE), context=context).add(object())
    assert told[0] == "before"
    assert "can not serialize" in told[1]


def test_a_call_that_waits_for_room_is_told_of_to_the_end(
    dial: Dial, context: zerorpc.Context, told: list[str]
) -> None:
    limits = zerorpc.Limits(backlog_bytes=100)
    client = dial("tcp://127.0.0.1:1", context=context, timeout=FAR_AWAY, limits=limits)
    client.add("x" * 200, async_=True)
    told.clear()
    waiting = begin(client.add, "x" * 200)
    wait_until(lambda: told == ["before"], "it waits")
    waiting.kill(KeyError("enough"), block=False)
    with pytest.raises(KeyError, match="enough"):
        outcome(waiting)
    assert told[1] == "KeyError('enough')"


def test_an_error_of_the_hook_that_replaces_errors_is_an_end_too(
    serve: Serve, dial: Dial, context: zerorpc.Context, told: list[str]
) -> None:
    def broken(_event: Any) -> None:
        raise LookupError("broken")

    context.register_middleware({"client_handle_remote_error": broken})
    with pytest.raises(LookupError, match="broken"):
        dial(serve(SERVICE), context=context).fail()
    assert told == ["before", "LookupError('broken')"]


def test_a_call_goes_to_a_server_that_is_there_when_the_hooks_are_done(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    first, second = serve({"who": lambda: "first"}), serve({"who": lambda: "second"})
    client = dial(first, second, context=context)
    wait_until(lambda: len(up(client)) == 2, "both are up")
    gate = Gate()
    context.register_middleware({"client_before_request": lambda event: gate.enter()})
    calls = [begin(client.who) for _ in range(4)]
    gate.await_entered(4)
    client.disconnect(first.endpoints[0])
    gate.open()
    assert [outcome(call) for call in calls] == ["second"] * 4
