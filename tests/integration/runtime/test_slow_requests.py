"""Who takes his time at the admin port loses his connection, and others are served meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import gevent
import gevent.event
import pytest
from gevent import socket

from tests.integration.faults.processes import PATIENCE
from zerorpc_daemon.admin import Admin
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.listener import Listener, tcp_socket
from zerorpc_daemon.quantities import Address

# As many as are served at a time.
_ALL = 32
WHOLE = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


PING = Admin({}, {"ping": lambda _: "pong"}, {})


@contextmanager
def listening(admin: Admin, **patience: float) -> Iterator[tuple[str, int]]:
    """Serve an admin port of this process."""
    log = EventLog("slow")
    listener = Listener(tcp_socket(Address("127.0.0.1", 0)), admin, log, **patience)
    yield listener.address.host, listener.address.port
    listener.close()


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """An admin port with little patience."""
    with listening(PING, idle=0.3) as place:
        yield place


def answer_of(connection: socket.socket) -> bytes:
    """Return all that comes until the other end hangs up."""
    answer = b""
    with gevent.Timeout(PATIENCE):
        while data := connection.recv(65536):
            answer += data
    return answer


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /pi", WHOLE[:-2], b"POST /ping HTTP/1.1\r\nContent-Length: 10\r\n\r\n{"],
)
def test_half_a_request_is_hung_up_on(address: tuple[str, int], beginning: bytes) -> None:
    with socket.create_connection(address) as slow:
        slow.sendall(beginning)
        assert b"200 OK" not in answer_of(slow)


@pytest.mark.parametrize(
    ("beginning", "more"),
    [
        (b"GET /", b"p"),
        (b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: ", b"x"),
        (b"POST /ping HTTP/1.1\r\nContent-Length: 60000\r\n\r\n", b"{"),
        (b"POST /ping HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", b"{"),
    ],
    ids=["line", "head", "body", "large body"],
)
def test_a_request_that_trickles_is_hung_up_on(
    address: tuple[str, int], beginning: bytes, more: bytes
) -> None:
    with socket.create_connection(address) as slow, gevent.Timeout(PATIENCE):
        slow.sendall(beginning)
        slow.settimeout(0.02)
        # It would have been heard out: each byte comes long before the time of one is over.
        with suppress(ConnectionError):
            while True:
                try:
                    if not slow.recv(65536):
                        break
                except TimeoutError:
                    slow.sendall(more)


def test_an_answer_may_take_longer_than_asking_for_it() -> None:
    asked, may_answer = gevent.event.Event(), gevent.event.Event()

    def ping(_: object) -> str:
        asked.set()
        may_answer.wait()
        return "pong"

    with (
        listening(Admin({}, {"ping": ping}, {}), idle=0.05) as address,
        socket.create_connection(address) as patient,
        gevent.Timeout(PATIENCE),
    ):
        patient.sendall(WHOLE)
        asked.wait()
        with socket.create_connection(address) as silent:
            assert answer_of(silent) == b""  # its time is over, and so is that of the first
        may_answer.set()
        assert answer_of(patient).endswith(b'"pong"\n')


def test_a_connection_of_some_age_is_closed_with_its_answer() -> None:
    with listening(PING, age=0.0) as address, socket.create_connection(address) as old:
        old.sendall(WHOLE.replace(b"Connection: close\r\n", b""))
        answer = answer_of(old)
        assert b"\r\nConnection: close\r\n" in answer
        assert answer.endswith(b'"pong"\n')


def test_a_whole_request_is_answered_though_others_dawdle(address: tuple[str, int]) -> None:
    slow = [socket.create_connection(address) for _ in range(_ALL)]
    with socket.create_connection(address) as quick:
        quick.sendall(WHOLE)
        assert answer_of(quick).endswith(b'"pong"\n')
    assert [answer_of(each) for each in slow] == [b""] * _ALL
    for each in slow:
        each.close()


def test_a_connection_that_is_kept_is_not_kept_for_ever(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as kept:
        kept.sendall(WHOLE.replace(b"Connection: close\r\n", b""))
        assert answer_of(kept).endswith(b'"pong"\n')
