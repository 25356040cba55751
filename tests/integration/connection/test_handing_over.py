"""A connection that goes on in another process: nothing of either direction is lost or repeated."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.integration.connection.ends import Ear, Place, place, raw
from tests.integration.connection.test_connection import GREETING, LARGE
from tests.integration.running import wait_until
from zerorpc.connection import Connection, let_in
from zerorpc.connection.system import Socket
from zerorpc.zmtp import Session


@pytest.fixture
def here() -> Iterator[Place]:
    with place(full_bytes=1 << 20) as made:
        yield made


def move(connection: Connection, ear: Ear, there: Place) -> Connection:
    """Go on with a connection somewhere else, as if that were another process."""
    handed, descriptor = connection.export(), os.dup(connection.fileno())
    connection.detach()
    connection._socket.close()
    session = Session("ROUTER", is_server=True)
    made = let_in(
        there.board,
        ear,
        Socket(fileno=descriptor),
        session,
        there.patience,
        there.doorkeeper,
        handed,
    )
    made.go_on()
    return made


@pytest.mark.parametrize("cut", [0, 10, 64, 70, len(GREETING)])
def test_a_handshake_goes_on_wherever_it_was(here: Place, cut: int) -> None:
    before, after = Ear(), Ear()
    peer = raw(here.listen(before).endpoint)
    wait_until(lambda: here.board.connections, "it was accepted")
    (connection,) = here.board.connections
    assert isinstance(connection, Connection)
    peer.sendall(GREETING[:cut])
    wait_until(lambda: len(connection.session.export().partial) == cut or before.ready, "read")
    here.board.flush()
    with place() as there:
        made = move(connection, after, there)
        peer.sendall(GREETING[cut:] + b"\0\5hello")
        wait_until(lambda: after.heard == [[b"hello"]], "it was heard")
        assert len(before.ready) + len(after.ready) == 1
        assert made.was_ready
        assert there.doorkeeper.open == 1
        peer.close()
        wait_until(lambda: there.doorkeeper.open == 0, "it was counted out")


def test_messages_that_are_half_on_their_way_arrive(here: Place) -> None:
    before, after = Ear(), Ear()
    peer = raw(here.listen(before).endpoint)
    long = b"\2" + len(LARGE).to_bytes(8, "big") + LARGE
    peer.sendall(GREETING + b"\1\2id")
    connection = before.await_ready()
    peer.sendall(long[: 1 << 20])
    for number in range(5):
        connection.send([b"%d" % number, LARGE])
    here.board.flush()
    wait_until(lambda: connection.session.missing, "some of it is there")
    assert before.full == [connection]
    unsent = connection.unsent_messages
    with place(full_bytes=1 << 20) as there:
        made = move(connection, after, there)
        assert made.is_full
        assert made.unsent_messages == unsent > 0
        peer.sendall(long[1 << 20 :])
        wait_until(lambda: after.heard == [[b"id", LARGE]], "it is whole")
        assert read_messages(peer, 5) == [[b"%d" % number, LARGE] for number in range(5)]
        wait_until(lambda: after.drained == [made], "the owner is told that it is empty")
        assert after.full == []
        peer.close()


def read_messages(peer: socket.socket, count: int) -> list[list[bytes]]:
    """Read what the other end says from its greeting on."""
    session, messages = Session("DEALER"), list[list[bytes]]()
    session.begin()
    while len(messages) < count:
        messages += session.receive(peer.recv(65536))
    return messages
