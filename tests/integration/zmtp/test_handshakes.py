"""Who is let in: libzmq and a session take and refuse the same peers.

A session is stricter in one thing: it ends at a command whose name is cut off, which libzmq skips.
"""

from __future__ import annotations

import socket

import pytest

from tests.integration.running import PATIENCE
from tests.integration.zmtp.conftest import MakePeer, Socket
from tests.integration.zmtp.line import port_of
from zerorpc.zmtp import Session, ZmtpError
from zerorpc.zmtp.frame import command
from zerorpc.zmtp.metadata import FACING, own_metadata

PING = command(b"PING", b"\0\0")
PONG = command(b"PONG")


def is_taken(peer: Socket, handshake: bytes, traffic: bytes = b"") -> bool:
    """Speak to libzmq and tell whether it answers the PING at the end, or hangs up."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port_of(peer)), timeout=PATIENCE) as connection:
        connection.sendall(handshake)
        try:
            while not heard.endswith(PONG):
                data = connection.recv(4096)
                if not data:
                    return False
                # Whatever comes before its own READY was sent is a fault to libzmq.
                if b"READY" in heard + data and b"READY" not in heard:
                    connection.sendall(traffic + PING)
                heard += data
        except ConnectionError:
            return False
    return True


def is_taken_by_a_session(socket_type: str, handshake: bytes, traffic: bytes = b"") -> bool:
    session = Session(socket_type)
    try:
        session.receive(handshake + traffic + PING)
    except ZmtpError:
        return False
    return session.take_output().endswith(PONG)


def greeting(version: bytes = b"\3\1", mechanism: bytes = b"NULL") -> bytes:
    return b"\xff" + bytes(8) + b"\x7f" + version + mechanism.ljust(20, b"\0") + bytes(32)


@pytest.mark.parametrize("theirs", FACING)
def test_libzmq_takes_the_types_of_our_table(theirs: str, make_peer: MakePeer) -> None:
    peer = make_peer(theirs)
    peer.bind("tcp://127.0.0.1:*")
    for ours in FACING:
        handshake = greeting() + command(b"READY", own_metadata(ours, b""))
        assert is_taken(peer, handshake) == is_taken_by_a_session(theirs, handshake), ours


READY = command(b"READY", own_metadata("DEALER", b""))


@pytest.mark.parametrize(
    ("handshake", "is_fine"),
    [
        (greeting() + READY, True),
        (greeting(b"\3\0") + READY, True),
        (greeting(b"\3\7") + READY, True),
        (greeting(b"\4\0") + READY, True),
        (greeting(mechanism=b"PLAIN") + READY, False),
        (greeting(mechanism=b"NULLX") + READY, False),
        (b"\xffpadding!" + greeting()[9:32] + b"\1" + b"filler" * 5 + b"." + READY, True),
        (greeting() + command(b"READY", b"\x0bSOCKET-type\0\0\0\6DEALER"), True),
        (greeting() + command(b"READY", b"\x0bSocket-Type\0\0\0\7DEALER"), False),
        (greeting() + command(b"READY", b"\x0bSocket-Type\0\0\0\6dealer"), False),
        (greeting() + command(b"STEADY", own_metadata("DEALER", b"")), False),
        (greeting() + b"\0\5READY", False),
    ],
)
def test_libzmq_takes_and_refuses_the_handshakes_that_a_session_does(
    handshake: bytes, is_fine: bool, make_peer: MakePeer
) -> None:
    peer = make_peer("ROUTER")
    peer.bind("tcp://127.0.0.1:*")
    assert is_taken_by_a_session("ROUTER", handshake) == is_fine
    assert is_taken(peer, handshake) == is_fine


@pytest.mark.parametrize(
    ("traffic", "is_fine"),
    [
        (b"\0\1x", True),
        (b"\1\0\0\1x", True),
        (b"\1\0" + PING + b"\0\1x", True),
        (b"\2" + bytes(7) + b"\1x", True),
        (command(b"UNKNOWN", b"anything"), True),
        (command(b"PONG", b"context"), True),
        (b"\6" + bytes(7) + b"\7\6FOREIG", True),
        (b"\2\1" + bytes(7), False),
    ],
)
def test_libzmq_takes_and_refuses_the_traffic_that_a_session_does(
    traffic: bytes, is_fine: bool, make_peer: MakePeer
) -> None:
    handshake = greeting() + READY
    peer = make_peer("ROUTER", MAXMSGSIZE=1000)
    peer.bind("tcp://127.0.0.1:*")
    assert is_taken_by_a_session("ROUTER", handshake, traffic) == is_fine
    assert is_taken(peer, handshake, traffic) == is_fine
