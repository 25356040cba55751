"""Who takes his time at the admin port loses his connection, and others are served meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
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


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """An admin port with little patience."""
    admin = Admin({}, {"ping": lambda _: "pong"}, {})
    listener = Listener(tcp_socket(Address("127.0.0.1", 0)), admin, EventLog("slow"), idle=0.3)
    yield listener.address.host, listener.address.port
    listener.close()


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
