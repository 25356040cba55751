"""The proxy itself does what it is told, or the tests that use it would prove nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent import socket as gsocket
from gevent.server import StreamServer

from tests.integration.faults.processes import PATIENCE, Proxy

DELAY = 0.05


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    def echo(connection: Any, _address: Any) -> None:
        while data := connection.recv(65536):
            connection.sendall(data)
        connection.close()

    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    with Proxy(f"tcp://127.0.0.1:{server.server_port}") as running:
        yield running
    server.stop()


@pytest.fixture
def connection(proxy: Proxy) -> Iterator[Any]:
    port = int(proxy.endpoint.rpartition(":")[2])
    with gsocket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(b"ping")
        assert connection.recv(100) == b"ping"
        yield connection


def test_delay_holds_bytes_back(proxy: Proxy, connection: Any) -> None:
    proxy.rule(delay=DELAY)
    began = time.monotonic()
    connection.sendall(b"late")
    assert connection.recv(100) == b"late"
    assert time.monotonic() - began >= 2 * DELAY


def test_rate_throttles(proxy: Proxy, connection: Any) -> None:
    proxy.rule("down", rate=1_000_000)
    began = time.monotonic()
    sending = gevent.spawn(connection.sendall, bytes(200_000))
    received = 0
    while received < 200_000:
        received += len(connection.recv(65536))
    sending.join()
    assert time.monotonic() - began >= 0.1  # the last piece is not waited for


def test_deaf_direction_swallows_data_and_end(proxy: Proxy, connection: Any) -> None:
    proxy.rule("up", is_deaf=True)
    connection.sendall(b"into the void")
    connection.settimeout(DELAY)
    with pytest.raises(TimeoutError):
        connection.recv(100)


def test_cut_with_reset_is_a_reset(proxy: Proxy, connection: Any) -> None:
    proxy.cut(is_reset=True)
    with pytest.raises(ConnectionResetError):
        connection.recv(100)


def test_cut_with_fin_is_an_end(proxy: Proxy, connection: Any) -> None:
    proxy.cut(is_reset=False)
    assert connection.recv(100) == b""


def test_refusal_ends_new_connections_only(proxy: Proxy, connection: Any) -> None:
    proxy.refuse(True)
    port = int(proxy.endpoint.rpartition(":")[2])
    with gsocket.create_connection(("127.0.0.1", port)) as refused:
        assert refused.recv(100) == b""
    connection.sendall(b"still here")
    assert connection.recv(100) == b"still here"
