"""One ZMTP connection of the load, on a plain socket that never blocks once it has said hello."""

from __future__ import annotations

import select
import socket
from collections import deque

_GREETING = b"\xff\0\0\0\0\0\0\0\0\x7f\x03\x01NULL".ljust(64, b"\0")
_PING = b"\x04PING"
_READ_BYTES = 1 << 18
# A hub that takes longer to say hello is not one that could be measured.
_PATIENCE_S = 10.0


def _ready(kind: bytes) -> bytes:
    key = b"Socket-Type"
    body = b"\x05READY" + bytes((len(key),)) + key + len(kind).to_bytes(4, "big") + kind
    return bytes((4, len(body))) + body


class Line:
    """A connection after its handshake; `kind` is the type of socket that we claim to be."""

    def __init__(self, sock: socket.socket, poll: select.epoll, kind: bytes) -> None:
        sock.settimeout(_PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_GREETING)
        _read(sock, len(_GREETING))
        # Not before: libzmq hangs up on what comes ahead of its own.
        sock.sendall(_ready(kind))
        _read(sock, _read(sock, 2)[1])
        sock.setblocking(False)
        self.fd = sock.fileno()
        self._sock, self._poll = sock, poll
        self.recv, self.recv_into, self._send = sock.recv, sock.recv_into, sock.send
        self._pending: deque[memoryview] = deque()
        poll.register(self.fd, select.EPOLLIN)

    def hear(self) -> bytes | None:
        """Return what has come, PINGs left out and answered; None means that the other end left."""
        data = self.recv(_READ_BYTES)
        if not data:
            return None
        return self.without_pings(data) if _PING in data else data

    def without_pings(self, data: bytes) -> bytes:
        """Answer PINGs, and return the rest.

        One that is cut in two by a read would be missed: nobody pings a peer that has much to say.
        """
        while (at := data.find(_PING)) >= 0:
            end = at + data[at - 1]  # the byte before is the command's size
            context = data[at + len(_PING) + 2 : end]
            self.say(bytes((4, len(_PING) + len(context))) + b"\x04PONG" + context)
            data = data[: at - 2] + data[end:]
        return data

    def say(self, data: bytes | memoryview) -> None:
        """Send now what the system takes, and the rest as soon as it does."""
        if self._pending:
            self._pending.append(memoryview(data))
            return
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._pending.append(memoryview(data)[sent:])
            self._poll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)

    def go_on(self) -> None:
        """Send what had to wait."""
        pending = self._pending
        while pending:
            try:
                sent = self._send(pending[0])
            except BlockingIOError:
                return
            if sent < len(pending[0]):
                pending[0] = pending[0][sent:]
                return
            pending.popleft()
        self._poll.modify(self.fd, select.EPOLLIN)

    def close(self) -> None:
        """Leave."""
        self._poll.unregister(self.fd)
        self._sock.close()


def connect(endpoint: str) -> socket.socket:
    """Return a socket that is connected to a `tcp://HOST:PORT`."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), _PATIENCE_S)


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the other end left in the middle of its greeting")
        data += piece
    return data
