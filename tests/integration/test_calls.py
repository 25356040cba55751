"""Calls: what goes in and comes out, what is refused, and how a call is made."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import FAR_AWAY, PATIENCE, Dial, Gate, Serve, open_calls


class Calculator:
    """Adds, and does what a service should not."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def echo(self, value: Any) -> Any:
        return value

    def fail(self, message: str) -> None:
        raise ValueError(message)

    def fail_with_surrogates(self) -> None:
        raise ValueError("no such file: \udc80")

    def unsendable(self, kind: str) -> Any:
        values = {"object": object(), "huge": 1 << 64, "generator": (_ for _ in ())}
        return values.get(kind, "\udc80")


VALUES: list[Any] = [
    None,
    [True, 0, -1, 2**63, -(2**63), 2**64 - 1, 1.5, float("inf")],
    "naïve ☃\n",
    b"\x00\xff" * 40_000,
    {"map": {1: "int", b"two": "bytes", "three": [None, {}]}},
    "",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_come_back_as_they_were(serve: Serve, dial: Dial, value: Any) -> None:
    assert dial(serve(Calculator())).echo(value) == value


def test_a_method_is_called_by_attribute_or_by_name(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Calculator()))
    assert client.add(1, 2) == 3
    assert client("add", 1, 2) == 3
    assert client(b"add", 1, 2) == 3


def test_a_name_that_is_no_text_is_a_type_error(serve: Serve, dial: Dial) -> None:
    client, name = dial(serve(Calculator())), 7
    with pytest.raises(TypeError, match="not int"):
        client(name)  # type: ignore[arg-type]  # which is the point


def test_names_that_the_client_has_itself_are_called_by_name(serve: Serve, dial: Dial) -> None:
    names = ("connect", "bind", "close", "disconnect", "endpoints", "statistics")
    client = dial(serve({name: name.upper for name in names}))
    assert [client(name) for name in names] == [name.upper() for name in names]


def test_a_remote_exception_tells_name_message_and_place(serve: Serve, dial: Dial) -> None:
    with pytest.raises(zerorpc.RemoteError) as caught:
        dial(serve(Calculator())).fail("no good")
    error = caught.value
    assert (error.name, error.msg) == ("ValueError", "no good")
    assert error.traceback is not None
    assert "raise ValueError(message)" in error.traceback
    assert str(error) == error.traceback
    assert isinstance(error, zerorpc.ZerorpcError)


def test_a_message_that_utf8_cannot_carry_arrives_escaped(serve: Serve, dial: Dial) -> None:
    with pytest.raises(zerorpc.RemoteError) as caught:
        dial(serve(Calculator())).fail_with_surrogates()
    assert (caught.value.name, caught.value.msg) == ("ValueError", "no such file: \\udc80")


def test_unknown_methods_and_wrong_arguments_are_remote_errors(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Calculator()))
    with pytest.raises(zerorpc.RemoteError) as unknown:
        client.multiply(2, 3)
    assert (unknown.value.name, unknown.value.msg) == ("NameError", "multiply")
    with pytest.raises(zerorpc.RemoteError) as too_few:
        client.add(1)
    assert too_few.value.name == "TypeError"
    assert "missing 1 required positional argument: 'b'" in too_few.value.msg


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("object", "TypeError"),
        ("huge", "OverflowError"),
        ("generator", "TypeError"),
        ("surrogate", "UnicodeEncodeError"),
    ],
)
def test_a_result_that_cannot_travel_is_an_error(
    serve: Serve, dial: Dial, kind: str, name: str
) -> None:
    client = dial(serve(Calculator()))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.unsendable(kind)
    assert caught.value.name == name
    assert client.add(1, 2) == 3


@pytest.mark.parametrize(
    ("argument", "error"),
    [(object(), TypeError), (1 << 64, OverflowError), ("\udc80", UnicodeEncodeError)],
    ids=["object", "huge", "surrogate"],
)
def test_an_argument_that_cannot_travel_leaves_nothing_behind(
    serve: Serve, dial: Dial, argument: object, error: type[Exception]
) -> None:
    server = serve(Calculator())
    client = dial(server)
    with pytest.raises(error):
        client.echo(argument)
    assert open_calls(client) == 0
    assert client.add(1, 2) == 3
    assert server.statistics()["events_received"] == 1


def test_what_is_too_large_is_refused_by_whoever_notices(serve: Serve, dial: Dial) -> None:
    small = zerorpc.Limits(event_bytes=1 << 20)
    server = serve(Calculator(), limits=small)
    with pytest.raises(zerorpc.LocalProtocolError, match="bytes"):
        dial(server, limits=small).echo(bytes(2 << 20))
    for size in (1 << 20, 3 << 19):  # just over what an event may hold, and clearly
        with pytest.raises(zerorpc.RemoteError) as caught:
            dial(server).echo(bytes(size))
        assert caught.value.name == "RemoteProtocolError"
    assert dial(server, limits=small).echo(bytes(1000)) == bytes(1000)


def test_an_answer_that_is_too_large_is_an_error_of_its_call(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"zeros": bytes}), limits=zerorpc.Limits(event_bytes=1 << 20))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.zeros(3 << 19)
    assert caught.value.name == "RemoteProtocolError"
    assert client.zeros(5) == bytes(5)


def test_a_result_above_the_servers_own_limit_names_its_method(serve: Serve, dial: Dial) -> None:
    """And no file of the library, whose frames say nothing about the method (B34)."""
    server = serve(
        {"zeros": bytes, "items": zerorpc.stream(lambda: [bytes(2000)])},
        limits=zerorpc.Limits(event_bytes=1000),
    )
    client = dial(server)
    calls: dict[str, Callable[[], Any]] = {
        "what bytes returned": lambda: client.zeros(2000),
        "an item of <lambda>": client.items,
    }
    for what, call in calls.items():
        with pytest.raises(zerorpc.RemoteError) as caught:
            list(call())
        assert caught.value.name == "LocalProtocolError"
        assert caught.value.msg.startswith(f"{what} cannot travel: event of 2")
        assert ".py" not in str(caught.value)
    assert client.zeros(5) == bytes(5)


def test_an_unknown_keyword_is_an_error_that_names_it(serve: Serve, dial: Dial) -> None:
    server = serve(Calculator())
    client = dial(server)
    with pytest.raises(TypeError, match="unexpected keyword argument: b; "):
        client.add(1, b=2)
    with pytest.raises(TypeError, match="keyword argument: retries, wait"):
        client.add(1, 2, wait=True, retries=3, timeout=1)
    assert client.add(1, 2) == 3
    assert server.statistics()["events_received"] == 1


def test_a_thousand_calls_at_once_each_get_their_own_answer(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter, "echo": lambda value: value}))
    slow = gevent.spawn(client.slow)
    gate.await_entered()
    calls = [gevent.spawn(client.echo, number) for number in range(1000)]
    assert [call.get(timeout=PATIENCE) for call in calls] == list(range(1000))
    assert not slow.ready()
    gate.open()
    assert slow.get(timeout=PATIENCE) == "passed"


def test_hasattr_finds_every_method_but_none_of_pythons_own(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Calculator()))
    assert hasattr(client, "whatever")
    assert not hasattr(client, "__deepcopy__")
    assert not hasattr(client, "__len__")


# -- asynchronous calls --------------------------------------------------------------------------


@pytest.mark.parametrize("keyword", ["async_", "async"])
def test_an_asynchronous_call_gives_a_result_to_come(
    serve: Serve, dial: Dial, keyword: str
) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}))
    result = client.slow(**{keyword: True})
    gate.await_entered()
    assert isinstance(result, gevent.event.AsyncResult)
    assert not result.ready()
    gate.open()
    assert result.get(timeout=PATIENCE) == "passed"
    assert open_calls(client) == 0


def test_an_asynchronous_call_keeps_its_error_for_whoever_asks(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Calculator()))
    failing = client.fail("later", async_=True)
    failing.wait(PATIENCE)
    with pytest.raises(zerorpc.RemoteError, match="later"):
        failing.get(timeout=0)
    expiring = dial("tcp://127.0.0.1:1").add(1, 2, timeout=0.05, async_=True)
    with pytest.raises(zerorpc.TimeoutExpired):
        expiring.get(timeout=PATIENCE)


def test_an_asynchronous_stream_gives_the_iterator(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"count": zerorpc.stream(range)}))
    assert list(client.count(300, async_=True).get(timeout=PATIENCE)) == list(range(300))
    assert list(client.count(0, async_=True).get(timeout=PATIENCE)) == []


def test_an_asynchronous_stream_keeps_its_items_until_they_are_read(
    serve: Serve, dial: Dial
) -> None:
    client = dial(serve({"count": zerorpc.stream(range)}))
    stream = client.count(300, async_=True).get(timeout=PATIENCE)
    # The answer to this comes after the items that the stream had room for.
    assert list(client.count(0)) == []
    assert list(stream) == list(range(300))


def test_a_lost_server_does_not_interrupt_the_one_that_called(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter}, heartbeat=None)
    client = dial(server, heartbeat=0.05)
    result = client.slow(async_=True)
    # No exception may come here, where the caller waits for something else.
    assert result.wait(PATIENCE) is None
    with pytest.raises(zerorpc.LostRemote):
        result.get(timeout=0)
    gevent.sleep(0)
    assert open_calls(client) == 0
    gate.open()


# -- what a server exposes -----------------------------------------------------------------------


class Machine:
    """Has methods named as the server's own."""

    def stop(self) -> str:
        return "machine stopped"

    def run(self) -> str:
        return "machine runs"

    def close(self) -> str:
        return "machine closed"


def test_an_objects_methods_win_over_the_servers_names(
    serve: Serve, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    client = dial(serve(Machine()))
    assert (client.stop(), client.run()) == ("machine stopped", "machine runs")
    assert client("close") == "machine closed"
    warnings = [each for each in caplog.messages if "named as the server's own" in each]
    assert len(warnings) == 1
    assert "'close', 'run', 'stop'" in warnings[0]


class OwnServer(zerorpc.Server):
    """A service in the style of subclasses."""

    def add(self, a: int, b: int) -> int:
        return a + b

    @zerorpc.stream
    def count(self, n: int) -> range:
        return range(n)


def test_a_subclass_of_server_exposes_its_own_methods_only(dial: Dial) -> None:
    with OwnServer(heartbeat=FAR_AWAY) as server:
        server.bind("tcp://127.0.0.1:*")
        running = gevent.spawn(server.run)
        client = dial(server)
        assert client.add(1, 2) == 3
        assert list(client.count(3)) == [0, 1, 2]
        assert client._zerorpc_list() == ["add", "count"]
        assert client._zerorpc_name() == "OwnServer"
    running.get(timeout=PATIENCE)


def test_modules_classes_and_dicts_are_exposed_too(serve: Serve, dial: Dial) -> None:
    table = {"_private": len, "upper": str.upper}
    before = dict(table)
    assert dial(serve(operator)).add(1, 2) == 3
    assert dial(serve(Machine)).run("self") == "machine runs"
    client = dial(serve(table))
    assert client._private([1, 2]) == 2
    assert client.upper("a") == "A"
    assert table == before


def test_a_server_and_its_methods_can_be_called_in_place(serve: Serve) -> None:
    server = serve(Calculator())
    assert server("add", 1, 2) == 3
    with pytest.raises(NameError, match="multiply"):
        server("multiply", 2, 3)
