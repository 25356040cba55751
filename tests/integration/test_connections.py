"""Connections that never became one, names that must be looked up, and what both leave behind."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import closing

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Keep, Serve, begin, wait_until
from tests.programs import ROOT

ECHO = {"echo": lambda value: value}

_PATCHED = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, zerorpc
server = zerorpc.Server({"echo": lambda value: value})
port = server.bind("tcp://127.0.0.1:*")[0].rpartition(":")[2]
gevent.spawn(server.run)
print(zerorpc.Client(f"tcp://localhost:{port}").echo("found"))
"""


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def knock(port: int, words: bytes = b"") -> None:
    """Connect and leave without a handshake, as a health check or a scanner does."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as visitor:
        visitor.sendall(words)


def turn_away(listener: socket.socket, times: int) -> None:
    """Accept connections and close them at once, as a proxy without a server behind it does."""
    listener.setblocking(False)
    for _ in range(times):
        wait_until(lambda: accept_and_close(listener), "the client tries to connect")


def accept_and_close(listener: socket.socket) -> bool:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return False
    connection.close()
    return True


def test_connections_that_failed_do_not_count_against_the_one_that_stands(
    serve: Serve, dial: Dial
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = dial(f"tcp://127.0.0.1:{port}")
        turn_away(listener, times=3)
        assert not client.is_connected
    serve(ECHO, f"tcp://127.0.0.1:{port}")
    assert client.echo(1) == 1
    assert client.is_connected


def test_a_client_that_is_bound_does_not_count_visitors_as_workers(keep: Keep) -> None:
    client = keep(zerorpc.Client())
    endpoint = client.bind(ANY_PORT)[0]
    knock(port_of(endpoint))
    knock(port_of(endpoint), b"GET / HTTP/1.0\r\n\r\n")
    with closing(zerorpc.Server(ECHO)) as worker:
        worker.connect(endpoint)
        running = begin(worker.run)
        wait_until(lambda: client.is_connected, "the worker is there")
        knock(port_of(endpoint))
        assert client.echo(1) == 1
        assert client.is_connected
    running.get()
    wait_until(lambda: not client.is_connected, "the worker is gone")


def test_a_host_name_is_looked_up_where_gevent_has_patched_everything() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _PATCHED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert (found.stdout, found.returncode) == ("found\n", 0), found.stderr
