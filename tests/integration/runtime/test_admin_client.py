"""Commands ask a port that is about to be opened anew once more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest
from gevent.server import StreamServer
from gevent.socket import socket

from tests.integration.running import PATIENCE
from zerorpc_daemon.admin_client import AdminClient, UnreachableError

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'


@contextmanager
def port(deaf: int) -> Iterator[str]:
    """A port that hangs up on the first few, as one does that is just being closed."""
    seen: list[socket] = []

    def answer(connection: socket, _: object) -> None:
        seen.append(connection)
        if len(seen) > deaf:
            connection.recv(65536)
            connection.sendall(ANSWER)

    server = StreamServer(("127.0.0.1", 0), answer)
    server.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.stop()


def ask(address: str, patience: float) -> object:
    client = AdminClient(address)
    # In a thread, as it is made for commands without a loop.
    pool = gevent.get_hub().threadpool
    return pool.spawn(lambda: client.get("/stats", patience=patience)).get(timeout=PATIENCE)


def test_a_port_that_hangs_up_is_asked_again_for_a_while() -> None:
    with port(deaf=2) as address:
        assert ask(address, PATIENCE) == {"a": 1}


def test_without_patience_it_is_told_at_once() -> None:
    with port(deaf=1) as address, pytest.raises(UnreachableError):
        ask(address, 0.0)
