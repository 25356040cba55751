"""Hosts: one that does not exist is told at once, and asking for one holds up nobody."""

from __future__ import annotations

import socket
import time
from typing import Any

import gevent
import pytest
from gevent import monkey

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Keep, Serve, begin, outcome
from zerorpc.transport.lookup import addresses

ECHO = {"echo": lambda value: value}
NOWHERE = "tcp://no.such.host.invalid:1"
KINDS: list[Any] = [zerorpc.Client, zerorpc.Server, zerorpc.Pusher, zerorpc.Puller]


def make(kind: Any) -> Any:
    return kind() if kind in (zerorpc.Client, zerorpc.Pusher) else kind(ECHO)


class NameServer:
    """Stands where the system's look-up does: knows some names, and may be ill."""

    def __init__(self, error: int | None = None) -> None:
        self.error = error
        self.table: dict[str, list[str]] = {}

    def look_up(self, host: str, port: None, *, type: int, flags: int = 0) -> list[Any]:  # noqa: A002
        """Answer as `socket.getaddrinfo` does."""
        if not flags and self.error is not None:
            raise socket.gaierror(self.error, "told to say so")
        if flags or host not in self.table:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        families = (
            (socket.AF_INET6 if ":" in each else socket.AF_INET) for each in self.table[host]
        )
        pairs = zip(families, self.table[host], strict=True)
        return [(family, type, 6, "", (address, 0)) for family, address in pairs]


# -- what the system says ------------------------------------------------------------------------


def test_addresses_of_ipv4_come_first() -> None:
    server = NameServer()
    server.table = {"both": ["::1", "127.0.0.1"], "six": ["::1"]}
    assert addresses("both", server.look_up) == ["127.0.0.1", "::1"]
    assert addresses("six", server.look_up) == ["::1"]


def test_who_does_not_exist_and_who_cannot_be_asked_are_told_apart() -> None:
    for error in (socket.EAI_NONAME, socket.EAI_NODATA):
        assert addresses("host", NameServer(error).look_up) == []
    for error in (socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM):
        assert addresses("host", NameServer(error).look_up) is None


def test_what_can_be_no_name_is_no_host() -> None:
    assert addresses("a" * 64 + ".example") == []
    assert addresses("a..example") == []


def test_the_loop_goes_on_while_a_name_server_is_asked() -> None:
    answer = monkey.get_original("_thread", "allocate_lock")()
    answer.acquire()

    def slow(*_: Any, flags: int = 0, **__: Any) -> list[Any]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        assert answer.acquire(timeout=PATIENCE), "nothing ran meanwhile"
        return [(socket.AF_INET, None, None, None, ("127.0.0.1", 0))]

    asking = begin(addresses, "host", slow)
    gevent.sleep(0)
    assert not asking.ready()
    answer.release()
    assert outcome(asking) == ["127.0.0.1"]


def test_who_asks_may_be_interrupted() -> None:
    answer = monkey.get_original("_thread", "allocate_lock")()
    answer.acquire()

    def slow(*_: Any, flags: int = 0, **__: Any) -> list[Any]:
        if flags:  # asked in the loop itself: it is no address
            raise socket.gaierror(socket.EAI_NONAME, "no address")
        answer.acquire(timeout=PATIENCE)
        return []

    asking = begin(addresses, "host", slow)
    began = time.monotonic()
    asking.kill()
    assert asking.dead
    assert time.monotonic() - began < PATIENCE / 2, "it waited for the answer"
    answer.release()


# -- what becomes of endpoints -------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["bind", "connect"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("host", ["no.such.host.invalid", "1.2.3.4.5", "[::g]", "a..b", "a" * 64])
def test_a_host_that_does_not_exist_is_an_endpoint_error(
    keep: Keep, kind: Any, verb: str, host: str
) -> None:
    it, endpoint = keep(make(kind)), f"tcp://{host}:1"
    with pytest.raises(zerorpc.EndpointError) as caught:
        getattr(it, verb)(endpoint)
    assert endpoint in str(caught.value)
    assert it.endpoints == []


@pytest.mark.parametrize("kind", KINDS)
def test_while_no_name_server_answers_it_is_connected_all_the_same(
    keep: Keep, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name may be known by the time that ZeroMQ connects; it goes on asking."""
    ill = NameServer(socket.EAI_AGAIN)
    monkeypatch.setattr(addresses, "__defaults__", (ill.look_up,))
    it = keep(make(kind))
    assert it.connect(NOWHERE) == [NOWHERE]
    # And what no longer exists can be left.
    ill.error = socket.EAI_NONAME
    assert it.disconnect(NOWHERE) == [NOWHERE]
    assert it.endpoints == []


@pytest.mark.parametrize("host", ["localhost", "127.1"])
def test_a_host_is_bound_by_its_name(serve: Serve, dial: Dial, host: str) -> None:
    server = serve(ECHO, f"tcp://{host}:*")
    assert server.endpoints[0].startswith("tcp://127.0.0.1:")
    assert dial(server).echo(host) == host


def test_an_interface_is_bound_by_its_name(serve: Serve, dial: Dial) -> None:
    names = [name for _, name in socket.if_nameindex()]
    server = serve(ECHO, f"tcp://{next(name for name in names if name.startswith('lo'))}:*")
    assert dial(server).echo("interface") == "interface"


def test_names_of_middleware_that_lead_nowhere_are_told_too(
    keep: Keep, context: zerorpc.Context
) -> None:
    context.register_middleware(
        {"resolve_endpoint": lambda name: {"echo": NOWHERE}.get(name, name)}
    )
    client = keep(zerorpc.Client(context=context))
    with pytest.raises(zerorpc.EndpointError, match=r"no\.such\.host\.invalid"):
        client.connect("echo")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verb", ["bind", "connect"])
def test_what_is_closed_meanwhile_stays_closed(keep: Keep, kind: Any, verb: str) -> None:
    it = keep(make(kind))
    joining = begin(getattr(it, verb), ANY_PORT.replace("127.0.0.1:*", "localhost:1"))
    it.close()
    with pytest.raises(zerorpc.ClosedError):
        outcome(joining)
    assert it.endpoints == []
