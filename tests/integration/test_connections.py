"""Connections that never became one, names that must be looked up, and what both leave behind."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
from contextlib import closing
from typing import Any

import pytest
import zmq

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    outcome,
    wait_until,
)
from tests.programs import ROOT

ECHO = {"echo": lambda value: value}

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
# What libzmq tells of as of a connection that is lost, though none came to stand.
MISFITS = {
    "a type that does not fit": b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB",
    "a malformed READY": b"\x04\x0a\x05READY\x05abc",
}

_PATCHED = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, zerorpc
server = zerorpc.Server({"echo": lambda value: value})
port = server.bind("tcp://127.0.0.1:*")[0].rpartition(":")[2]
gevent.spawn(server.run)
print(zerorpc.Client(f"tcp://localhost:{port}").echo("found"))
"""

_CROWDED = """
import socket, zerorpc
server = zerorpc.Server({})
port = int(server.bind("tcp://127.0.0.1:*")[0].rpartition(":")[2])
for _ in range(1500):
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.recv(1)  # libzmq's thread has taken it
server.close()
print("closed")
"""


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def knock(port: int, words: bytes = b"") -> None:
    """Connect and leave without a handshake, as a health check or a scanner does."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as visitor:
        visitor.sendall(words)


def knock_in_vain(endpoint: str, command: bytes) -> None:
    """Begin a handshake that the other end will not finish; returns once it has hung up."""
    with socket.create_connection(("127.0.0.1", port_of(endpoint)), PATIENCE) as visitor:
        visitor.sendall(GREETING + command)
        try:
            while visitor.recv(1000):
                pass
        except ConnectionResetError:
            pass


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


def test_all_that_came_before_the_end_of_a_connection_counts(dial: Dial) -> None:
    """More than the loop reads at a time, and the loop stood still when the connection ended."""
    count = 900
    raw = RawServer()
    client = dial(raw.endpoint, heartbeat=None)
    calling = begin(client.numbers)
    request = raw.take()
    raw.answer(request, "STREAM", 0)
    numbers = outcome(calling)
    assert next(numbers) == 0
    reading = begin(next, numbers)
    grant = raw.take()
    assert (grant.name, grant.args[0] > count) == ("_zpc_more", True)
    for number in range(1, count):
        raw.answer(request, "STREAM", number)
    raw.answer(request, "STREAM_DONE", None)
    raw.socket.close(linger=int(1000 * PATIENCE))
    raw.context.term()
    monitor: Any = client._routes._drivers[0]._monitor
    # Natively, so that no greenlet runs meanwhile, and without taking the news from the monitor.
    assert select.select([monitor._events.getsockopt(zmq.FD)], [], [], PATIENCE)[0]
    assert [outcome(reading), *numbers] == list(range(1, count))


# -- a handshake that fails is no loss of those that stand -----------------------------------------


@pytest.mark.parametrize("command", MISFITS.values(), ids=MISFITS.keys())
def test_a_bound_client_takes_no_failed_handshake_for_the_loss_of_its_worker(
    keep: Keep, command: bytes
) -> None:
    gate = Gate()
    client = keep(zerorpc.Client(heartbeat=FAR_AWAY))
    endpoint = client.bind(ANY_PORT)[0]
    worker = keep(zerorpc.Server({**ECHO, "waits": gate.enter}))
    worker.connect(endpoint)
    running = begin(worker.run)
    waiting = begin(client.waits)
    gate.await_entered()
    knock_in_vain(endpoint, command)
    assert client.echo("the loop has turned") == "the loop has turned"
    assert client.is_connected
    gate.open()
    assert outcome(waiting) == "passed"
    worker.close()
    outcome(running)
    wait_until(lambda: not client.is_connected, "the real loss is noticed")


@pytest.mark.parametrize("command", MISFITS.values(), ids=MISFITS.keys())
def test_a_server_notices_lost_clients_after_handshakes_that_failed(
    serve: Serve, command: bytes
) -> None:
    gate = Gate()
    server = serve({**ECHO, "waits": gate.enter}, heartbeat=FAR_AWAY)
    with RawPeer(server.endpoints[0]) as raw:
        raw.call("echo", "it stands")
        knock_in_vain(server.endpoints[0], command)
        raw.call("echo", "the loop has turned")
        raw.send("waits", [])
        gate.await_entered()
    wait_until(lambda: gate.ended == ["LostRemote"], "the handler is ended")


def test_visitors_while_user_code_holds_the_loop_hold_up_no_socket() -> None:
    """The thread of libzmq would wait for room for its reports, and `close` for that thread."""
    command = [sys.executable, "-c", _CROWDED]
    assert subprocess.check_output(command, timeout=PATIENCE, cwd=ROOT) == b"closed\n"
