"""A plain TCP socket that drives a session, at the other end of which libzmq is."""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Callable

import zmq

from tests.integration.running import PATIENCE
from zerorpc.zmtp import Message, Session, encode


def port_of(peer: zmq.Socket[bytes]) -> int:
    """The port that a socket of libzmq is bound to."""
    endpoint = peer.getsockopt(zmq.LAST_ENDPOINT)
    assert isinstance(endpoint, bytes)
    return int(endpoint.rstrip(b"\0").rpartition(b":")[2])


class Line:
    """One connection; `heard` is all that libzmq said on it, byte by byte."""

    def __init__(self, session: Session, connection: socket.socket, source: random.Random) -> None:
        self.session = session
        self.heard = bytearray()
        self.messages: list[Message] = []
        self._connection = connection
        self._source = source
        connection.settimeout(PATIENCE)
        # Pieces that are sent apart shall arrive apart.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.say(session.begin())

    @classmethod
    def to(cls, session: Session, peer: zmq.Socket[bytes], source: random.Random) -> Line:
        """A connection that we make."""
        peer.bind("tcp://127.0.0.1:*")
        return cls(session, socket.create_connection(("127.0.0.1", port_of(peer))), source)

    @classmethod
    def of(cls, session: Session, peer: zmq.Socket[bytes], source: random.Random) -> Line:
        """A connection that libzmq makes."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            peer.connect(f"tcp://127.0.0.1:{listener.getsockname()[1]}")
            listener.settimeout(PATIENCE)
            connection, _ = listener.accept()
        return cls(session, connection, source)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def say(self, data: bytes) -> None:
        """Send bytes in pieces of random sizes, many of them of one byte."""
        at = 0
        while at < len(data):
            most = self._source.choice((1, 1, 2, 9, 100, 8192, 70_000))
            size = self._source.randint(1, most)
            self._connection.sendall(data[at : at + size])
            at += size

    def send(self, message: Message) -> None:
        """Send a message."""
        self.say(b"".join(encode(message)))

    def is_readable(self, timeout: float) -> bool:
        """Tell whether libzmq has said something more, after so long at most."""
        return bool(select.select([self._connection], [], [], timeout)[0])

    def hear(self) -> None:
        """Read once, a random amount, and say what the session has to say to it."""
        data = self._connection.recv(self._source.choice((1, 10, 100, 4096, 65536)))
        if not data:
            raise EOFError
        self.heard += data
        self.messages += self.session.receive(data)
        self.say(self.session.take_output())

    def hear_until(self, is_enough: Callable[[], bool]) -> None:
        """Read until something is so."""
        while not is_enough():
            self.hear()

    def receive(self) -> Message:
        """Return the next message."""
        self.hear_until(lambda: bool(self.messages))
        return self.messages.pop(0)

    def wait_for_the_end(self) -> None:
        """Read until the peer hangs up."""
        try:
            while True:
                self.hear()
        except (EOFError, ConnectionError):
            return
