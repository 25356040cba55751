"""Endpoints: many per object, either side binds, every transport, and mistakes that are told."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Keep, Serve, begin, wait_until
from tests.programs import unavailable

ECHO = {"echo": lambda value: value}


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


# -- ports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["*", "0"])
def test_the_port_that_was_chosen_is_returned_and_readable(keep: Keep, port: str) -> None:
    server = keep(zerorpc.Server(ECHO))
    chosen = server.bind(f"tcp://127.0.0.1:{port}")
    assert chosen == server.endpoints
    assert port_of(chosen[0]) > 0


def test_zero_as_host_means_every_interface(serve: Serve, dial: Dial) -> None:
    server = serve(ECHO, "tcp://0:*")
    port = port_of(server.endpoints[0])
    for host in ("0", "127.0.0.1", "localhost"):
        assert dial(f"tcp://{host}:{port}").echo(host) == host


def test_a_star_as_host_means_every_interface_too(serve: Serve, dial: Dial) -> None:
    port = port_of(serve(ECHO, "tcp://*:*").endpoints[0])
    assert dial(f"tcp://127.0.0.1:{port}").echo(1) == 1


# -- transports ----------------------------------------------------------------------------------


def test_ipc(serve: Serve, dial: Dial, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/socket"
    assert serve(ECHO, endpoint).endpoints == [endpoint]
    assert dial(endpoint).echo("ipc") == "ipc"


def test_inproc(serve: Serve, dial: Dial) -> None:
    serve({"count": zerorpc.stream(range), **ECHO}, "inproc://test_inproc")
    client = dial("inproc://test_inproc")
    assert client.echo("inproc") == "inproc"
    assert list(client.count(2000)) == list(range(2000))


def test_inproc_can_be_connected_before_it_is_bound(serve: Serve, dial: Dial) -> None:
    calling = begin(dial("inproc://bound_later").echo, 1)
    serve(ECHO, "inproc://bound_later")
    assert calling.get(timeout=PATIENCE) == 1


@pytest.fixture
def loopback6() -> None:
    """Need IPv6 on this machine."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        unavailable(f"no IPv6 here: {error}")


@pytest.mark.usefixtures("loopback6")
def test_ipv6(serve: Serve, dial: Dial) -> None:
    server = serve(ECHO, "tcp://[::1]:*")
    assert server.endpoints[0].startswith("tcp://[::1]:")
    assert dial(server).echo("six") == "six"


@pytest.mark.usefixtures("loopback6")
def test_ipv6_and_ipv4_live_together_on_both_sides(serve: Serve, dial: Dial) -> None:
    server = serve(ECHO, "tcp://[::1]:*")
    server.bind(ANY_PORT)
    port = port_of(server.endpoints[1])
    for endpoint in (*server.endpoints, f"tcp://localhost:{port}", f"tcp://0:{port}"):
        assert dial(endpoint).echo(endpoint) == endpoint
    both = dial(server)
    assert [both.echo(number) for number in range(10)] == list(range(10))


# -- many, and either side -----------------------------------------------------------------------


def test_a_server_binds_and_connects_to_many(serve: Serve, dial: Dial, tmp_path: Path) -> None:
    server = serve(ECHO)
    places = [[ANY_PORT, (f"ipc://{tmp_path}/a", [f"ipc://{tmp_path}/b"])], ANY_PORT]
    bound = server.bind(places)
    assert len(bound) == 4
    assert server.endpoints[1:] == bound
    for endpoint in server.endpoints:
        assert dial(endpoint).echo(endpoint) == endpoint


def test_a_client_connects_to_many(serve: Serve, dial: Dial) -> None:
    servers = [serve({"who": lambda number=number: number}) for number in range(3)]
    endpoints = [server.endpoints[0] for server in servers]
    client = dial()
    assert client.connect([endpoints[:2], (endpoints[2],)]) == endpoints
    assert client.endpoints == endpoints
    wait_until(lambda: {client.who() for _ in range(10)} == {0, 1, 2}, "all are called")


def test_the_constructor_connects_to_a_list_too(serve: Serve, keep: Keep) -> None:
    servers = [serve(ECHO), serve(ECHO)]
    endpoints = [server.endpoints[0] for server in servers]
    client = keep(zerorpc.Client(endpoints))
    assert client.endpoints == endpoints
    assert client.echo(1) == 1


def test_a_server_may_connect_to_a_client_that_binds(keep: Keep) -> None:
    client = keep(zerorpc.Client())
    endpoint = client.bind(ANY_PORT)
    with zerorpc.Server({"count": zerorpc.stream(range), **ECHO}) as server:
        assert server.connect(endpoint) == endpoint
        assert server.endpoints == endpoint
        running = begin(server.run)
        assert client.echo("reversed") == "reversed"
        assert list(client.count(2000)) == list(range(2000))
    running.get(timeout=PATIENCE)


def test_a_client_that_binds_has_many_workers(keep: Keep) -> None:
    client = keep(zerorpc.Client())
    endpoint = client.bind(ANY_PORT)
    for name in "ab":
        server = keep(zerorpc.Server({"who": lambda name=name: name}))
        server.connect(endpoint)
        begin(server.run)
    wait_until(lambda: {client.who() for _ in range(4)} == {"a", "b"}, "both get calls")


def test_a_client_binds_and_connects_at_a_time(serve: Serve, keep: Keep, dial: Dial) -> None:
    client = dial(serve({"who": lambda: "bound"}))
    worker = keep(zerorpc.Server({"who": lambda: "connected"}))
    worker.connect(client.bind(ANY_PORT))
    begin(worker.run)
    wait_until(lambda: {client.who() for _ in range(4)} == {"bound", "connected"}, "both")


# -- disconnecting -------------------------------------------------------------------------------


def test_disconnect_undoes_connect(serve: Serve, dial: Dial) -> None:
    kept, left = serve({"who": lambda: "kept"}), serve({"who": lambda: "left"})
    client = dial(kept, left)
    assert client.disconnect(left.endpoints) == left.endpoints
    assert client.endpoints == kept.endpoints
    assert {client.who() for _ in range(10)} == {"kept"}
    client.disconnect(kept.endpoints[0])
    assert client.endpoints == []
    with pytest.raises(zerorpc.EndpointError, match="no endpoint: connect"):
        client.who()
    client.connect(left.endpoints)
    assert client.who() == "left"


@pytest.mark.parametrize("given", [ANY_PORT, "tcp://localhost:*", "tcp://*:*", "tcp://0:*"])
@pytest.mark.parametrize("kind", [zerorpc.Server, zerorpc.Client, zerorpc.Puller])
def test_what_was_bound_is_disconnected_by_the_name_it_was_given(
    keep: Keep, kind: Any, given: str
) -> None:
    it = keep(kind())
    (endpoint,) = it.bind(given)
    (other,) = it.bind(given)
    assert it.disconnect(given) == [endpoint]
    assert it.disconnect(given) == [other]
    assert it.endpoints == []


def test_disconnect_undoes_bind(serve: Serve, dial: Dial, keep: Keep) -> None:
    server = serve({"who": lambda: "first"})
    endpoint = server.endpoints[0]
    server.bind(ANY_PORT)
    assert server.disconnect(endpoint) == [endpoint]
    assert len(server.endpoints) == 1
    assert dial(server).who() == "first"
    # The port is free once ZeroMQ's own thread has let go of it.
    other = keep(zerorpc.Server({"who": lambda: "second"}))
    wait_until(lambda: binds(other, endpoint), "the port is free again")
    begin(other.run)
    assert dial(endpoint).who() == "second"


def binds(server: zerorpc.Server, endpoint: str) -> bool:
    try:
        server.bind(endpoint)
    except zerorpc.EndpointError:
        return False
    return True


@pytest.mark.parametrize("kind", [zerorpc.Client, zerorpc.Server, zerorpc.Pusher, zerorpc.Puller])
def test_disconnect_of_what_is_not_there_says_what_is(keep: Keep, kind: Any) -> None:
    it = keep(kind() if kind in (zerorpc.Client, zerorpc.Pusher) else kind(ECHO))
    it.connect("tcp://127.0.0.1:1")
    with pytest.raises(zerorpc.EndpointError, match=r"127\.0\.0\.1:2"):
        it.disconnect("tcp://127.0.0.1:2")
    assert it.endpoints == ["tcp://127.0.0.1:1"]


# -- mistakes ------------------------------------------------------------------------------------

MISTAKES: list[Any] = [
    "127.0.0.1:4242",
    "http://127.0.0.1:80",
    "tcp://",
    "tcp://127.0.0.1",
    "tcp://:4242",
    "tcp://127.0.0.1:port",
    "tcp://127.0.0.1:70000",
    "ipc://",
    "",
    [],
    [[]],
    4242,
    None,
    b"tcp://127.0.0.1:1",
]


@pytest.mark.parametrize("verb", ["bind", "connect"])
@pytest.mark.parametrize("mistake", MISTAKES, ids=repr)
def test_what_is_no_endpoint_is_an_endpoint_error(keep: Keep, mistake: Any, verb: str) -> None:
    for it in (zerorpc.Client(), zerorpc.Server(ECHO), zerorpc.Pusher(), zerorpc.Puller(ECHO)):
        keep(it)
        with pytest.raises(zerorpc.EndpointError) as caught:
            getattr(it, verb)(mistake)
        assert isinstance(caught.value, zerorpc.zmq.ZMQError)
        assert isinstance(caught.value, zerorpc.ZerorpcError)
        assert it.endpoints == []


def test_a_port_in_use_is_an_endpoint_error(serve: Serve, keep: Keep) -> None:
    taken = serve(ECHO).endpoints[0]
    for it in (zerorpc.Client(), zerorpc.Server(ECHO), zerorpc.Puller(ECHO)):
        keep(it)
        with pytest.raises(zerorpc.EndpointError, match="in use") as caught:
            it.bind(taken)
        assert caught.value.errno == zerorpc.zmq.EADDRINUSE
        assert taken in str(caught.value)
        assert it.endpoints == []
        assert it.bind(ANY_PORT) == it.endpoints


def test_a_call_without_any_endpoint_is_an_endpoint_error(keep: Keep) -> None:
    client = keep(zerorpc.Client())
    assert not client.is_connected
    with pytest.raises(zerorpc.EndpointError, match="connect"):
        client.echo(1)


def test_is_connected_tells_whether_a_server_is_there(dial: Dial, tmp_path: Path) -> None:
    client = dial(f"ipc://{tmp_path}/socket")
    assert not client.is_connected
    with zerorpc.Server(ECHO) as server:
        server.bind(f"ipc://{tmp_path}/socket")
        wait_until(lambda: client.is_connected, "the connection stands")
    wait_until(lambda: not client.is_connected, "the connection is gone")


# -- names that middleware resolves --------------------------------------------------------------


def test_middleware_resolves_names_of_its_own(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    servers = [serve({"who": lambda number=number: number}) for number in range(3)]
    endpoints = [server.endpoints[0] for server in servers]
    table = {"first": endpoints[0], "others": ["second", ("third",)]}
    table |= {"second": endpoints[1], "third": endpoints[2]}
    context.register_middleware({"resolve_endpoint": lambda name: table.get(name, name)})
    client = dial(context=context)
    assert client.connect(["first", "others"]) == endpoints
    assert {client.who() for _ in range(30)} <= {0, 1, 2}
    assert client.disconnect("others") == endpoints[1:]
    assert client.endpoints == endpoints[:1]
    with pytest.raises(zerorpc.EndpointError):
        client.connect("first", resolve=False)
    assert client.connect(endpoints[1], resolve=False) == [endpoints[1]]


def test_resolvers_are_asked_in_turn(serve: Serve, dial: Dial, context: zerorpc.Context) -> None:
    endpoint = serve(ECHO).endpoints[0]
    context.register_middleware({"resolve_endpoint": lambda name: f"{name}-alias"})
    context.register_middleware(
        {"resolve_endpoint": lambda name: endpoint if name == "echo-alias" else name}
    )
    client = dial(context=context)
    assert client.connect("echo") == [endpoint]
    gevent.sleep(0)
    assert client.echo(1) == 1


@pytest.mark.parametrize("kind", [zerorpc.Client, zerorpc.Pusher, zerorpc.Publisher])
def test_nothing_is_sent_to_nowhere(keep: Keep, kind: Any) -> None:
    sender = keep(kind())
    told = f"this {kind.__name__.lower()} has no endpoint"
    with pytest.raises(zerorpc.EndpointError, match=told):
        sender.note("lost")
    endpoint = sender.bind(ANY_PORT)
    sender.disconnect(endpoint)
    with pytest.raises(zerorpc.EndpointError, match=told):
        sender.note("lost")


@pytest.mark.parametrize("kind", [zerorpc.Server, zerorpc.Puller, zerorpc.Subscriber])
def test_who_serves_nowhere_is_warned(
    keep: Keep, kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = keep(kind(ECHO))
    running = begin(server.run)
    wait_until(lambda: "without an endpoint" in caplog.text, "the warning")
    server.bind(ANY_PORT)
    server.stop()
    running.get(timeout=PATIENCE)
    caplog.clear()
    server.stop()
    server.run()
    assert "without an endpoint" not in caplog.text


@pytest.mark.parametrize(
    ("verb", "endpoint", "told"),
    [
        (
            "connect",
            "tcp://127.0.0.1:0",
            "name one host and its port, such as tcp://127.0.0.1:4242",
        ),
        ("connect", "tcp://127.0.0.1:*", "such as tcp://127.0.0.1:4242"),
        ("connect", "tcp://*:55", "such as tcp://127.0.0.1:55"),
        ("connect", "tcp://[*]:55", "such as tcp://127.0.0.1:55"),
        ("connect", "tcp://[::1:55", "half a pair of brackets"),
        ("bind", "tcp://::1]:55", "half a pair of brackets"),
    ],
)
def test_an_endpoint_that_cannot_be_meant(keep: Keep, verb: str, endpoint: str, told: str) -> None:
    client = keep(zerorpc.Client())
    with pytest.raises(zerorpc.EndpointError) as caught:
        getattr(client, verb)(endpoint)
    assert told in str(caught.value)
    assert client.endpoints == []


def test_an_endpoint_in_use_is_named_once(serve: Serve, keep: Keep) -> None:
    (endpoint,) = serve(ECHO).endpoints
    with pytest.raises(zerorpc.EndpointError) as caught:
        keep(zerorpc.Server(ECHO)).bind(endpoint)
    assert str(caught.value) == f"cannot bind {endpoint}: Address already in use"
