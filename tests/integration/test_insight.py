"""What an object tells of itself: its methods, its counters, its events."""

from __future__ import annotations

import logging
import re
from typing import Any

import msgpack
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    outcome,
    wait_until,
)


class Service:
    """Has methods of each kind."""

    def add(self, a: int, b: int = 3) -> int:
        """Add two numbers.

        The second line.
        """
        return a + b

    def keywords(self, a: int, /, *rest: int, scale: float = 1.0, **options: Any) -> None:
        pass

    @zerorpc.stream
    def count(self, n: int) -> range:
        """Count to n."""
        return range(n)

    @staticmethod
    def static(a: int) -> int:
        return a

    @classmethod
    def made(cls, a: int) -> int:
        return a


# -- methods -------------------------------------------------------------------------------------


def test_the_name_and_the_methods(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Service()))
    assert client._zerorpc_ping() == ["pong", "Service"]
    assert client._zerorpc_name() == "Service"
    assert client._zerorpc_list() == ["add", "count", "keywords", "made", "static"]
    assert dial(serve(Service(), name="mine"))._zerorpc_name() == "mine"
    assert dial(serve({"a": len}))._zerorpc_ping() == ["pong", "dict"]


def test_docstrings_and_arguments(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Service()))
    assert client._zerorpc_help("add") == "Add two numbers.\n\nThe second line."
    assert client._zerorpc_help("keywords") is None
    assert client._zerorpc_args("add") == [["self", "a", "b"], None, None, [3]]
    assert client._zerorpc_args("keywords") == [["self", "a"], "rest", "options", None]
    assert client._zerorpc_args("static") == [["a"], None, None, None]
    assert client._zerorpc_args("made") == [["cls", "a"], None, None, None]
    for builtin in ("_zerorpc_help", "_zerorpc_args"):
        with pytest.raises(zerorpc.RemoteError) as caught:
            client(builtin, "unknown")
        assert (caught.value.name, caught.value.msg) == ("KeyError", "'unknown'")


def test_everything_about_everything(serve: Serve, dial: Dial) -> None:
    told = dial(serve(Service()))._zerorpc_inspect()
    assert told["name"] == "Service"
    assert sorted(told["methods"]) == ["add", "count", "keywords", "made", "static"]
    add = told["methods"]["add"]
    assert add["args"] == [{"name": "self"}, {"name": "a"}, {"name": "b", "default": 3}]
    assert add["doc"] == "Add two numbers.\n\nThe second line."
    assert add["signature"] == "(self, a: int, b: int = 3) -> int"
    assert [name for name, each in told["methods"].items() if each["stream"]] == ["count"]


# -- counters ------------------------------------------------------------------------------------


def test_a_server_counts(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter, "echo": lambda value: value}, pool_size=2)
    client = dial(server)
    assert client.echo(1) == 1
    calls = [begin(client.slow) for _ in range(5)]
    wait_until(lambda: server.statistics()["waiting"] == 3, "three wait")
    told = server.statistics()
    assert (told["running"], told["open_channels"], told["events_received"]) == (2, 5, 6)
    assert told["dropped"] == {}
    gate.open()
    for call in calls:
        outcome(call)
    told = server.statistics()
    assert (told["running"], told["waiting"], told["open_channels"]) == (0, 0, 0)


def test_what_is_dropped_is_counted_by_reason_and_warned_of_once(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve({"echo": lambda value: value})
    with RawPeer(server.endpoints[0]) as raw:
        for _ in range(100):
            raw.send_blob(b"\xc1")
            raw.send_blob(msgpack.packb([{}, "echo"]))
            raw.send("_zpc_more", [1])
        assert raw.call("echo", 1) == ("OK", [1])
    dropped = server.statistics()["dropped"]
    assert sum(dropped.values()) == 300
    assert len(dropped) == 3
    assert sum("dropped" in each for each in caplog.messages) == 1


def test_a_client_counts_for_each_endpoint(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter})
    nobody = "tcp://127.0.0.1:1"
    client = dial(server, nobody, heartbeat=FAR_AWAY)
    wait_until(lambda: client.is_connected, "one connection stands")
    call = begin(client.slow)
    gate.await_entered()
    told = client.statistics()
    assert list(told) == [*server.endpoints, nobody]
    up, down = told.values()
    assert (up["is_up"], down["is_up"]) == (True, False)
    assert (up["open_channels"], down["open_channels"]) == (1, 0)
    gate.open()
    outcome(call)
    assert client.statistics()[server.endpoints[0]]["events_received"] == 1


def test_a_puller_counts(keep: Keep) -> None:
    puller = keep(zerorpc.Puller({"note": lambda: None}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    begin(puller.run)
    pusher.note()
    wait_until(lambda: puller.statistics() == {"events_received": 1, "dropped": {}}, "it came")


# -- events --------------------------------------------------------------------------------------


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The direction and name of each event that was logged."""
    found = [each.getMessage() for each in caplog.records if each.name == "zerorpc.events"]
    caplog.clear()
    return [" ".join(re.findall(r"^(\S+) (\S+)", line)[0]) for line in found]


def test_debug_logs_each_event_while_it_is_set(
    serve: Serve, dial: Dial, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "zerorpc.events")
    server = serve({"echo": lambda value: value, "count": zerorpc.stream(range)})
    client = dial(server)
    assert (client.debug, server.debug) == (False, False)
    client.echo(1)
    assert events(caplog) == []
    client.debug = server.debug = True
    client.echo(1)
    assert events(caplog) == ["--> echo", "<-- echo", "--> OK", "<-- OK"]
    server.debug = False
    assert list(client.count(1)) == [0]
    assert events(caplog)[:2] == ["--> count", "<-- STREAM"]
    client.debug = True  # once more changes nothing
    client.debug = False
    client.echo(1)
    assert events(caplog) == []


def test_debug_shows_one_way_messages_too(keep: Keep, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "zerorpc.events")
    puller = keep(zerorpc.Puller({"note": lambda value: None}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    begin(puller.run)
    pusher.debug = puller.debug = True
    pusher.note("x" * 10_000)
    wait_until(lambda: puller.statistics()["events_received"], "it has come")
    assert max(len(line) for line in caplog.messages) < 250
    assert events(caplog) == ["--> note", "<-- note"]


class Unshowable:
    """A value of which no text can be made."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


LINES: list[tuple[Any, str]] = [
    ([[]] * 300, "--> size [[["),  # more containers than this client would take
    ("x" * (2 << 20), "--> not shown: 2097"),
    (Unshowable(), "<-- size not shown: RuntimeError"),
]


@pytest.mark.parametrize(("value", "line"), LINES, ids=["containers", "large", "no text"])
def test_debug_raises_in_no_sender_and_no_receiver(
    context: zerorpc.Context,
    serve: Serve,
    dial: Dial,
    caplog: pytest.LogCaptureFixture,
    value: Any,
    line: str,
) -> None:
    context.register_type(Unshowable, 7, lambda value: b"", lambda data: Unshowable())
    caplog.set_level(logging.DEBUG, "zerorpc.events")
    server = serve({"size": lambda value: 1}, context=context)
    client = dial(server, limits=zerorpc.Limits(containers=10), context=context)
    client.debug = server.debug = True
    assert client.size(value) == 1
    assert [each for each in caplog.messages if each.startswith(line)]


# -- names ---------------------------------------------------------------------------------------

GONE = ["Events", "Event", "Channel", "ChannelMultiplexer", "ChannelBase", "HeartBeatOnChannel"]
GONE += ["BufferedChannel", "ServerBase", "ClientBase", "ReqRep", "ReqStream", "patterns_list"]


@pytest.mark.parametrize("name", GONE)
def test_names_of_stock_that_are_gone_say_what_to_use(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"zerorpc\.{name} is not part of .*: \w+"):
        getattr(zerorpc, name)
    assert not hasattr(zerorpc, name)


def test_names_that_never_were_are_plain_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'zerorpc' has no attribute 'Nonsense'"):
        _ = zerorpc.Nonsense


def test_names_that_stock_programs_use_are_there() -> None:
    assert issubclass(zerorpc.exceptions.RemoteError, Exception)
    assert zerorpc.exceptions.LostRemote is zerorpc.LostRemote
    assert zerorpc.zmq.Context is not None
    assert zerorpc.zmq.ZMQError is not None
    assert zerorpc.zmq.PUSH is not None
    assert re.fullmatch(r"\d+\.\d+.*", zerorpc.__version__)
    assert isinstance(zerorpc.Context.get_instance(), zerorpc.zmq.Context)
    assert zerorpc.Context.get_instance() is zerorpc.Context.get_instance()
