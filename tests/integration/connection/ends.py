"""An owner of connections that notes what it hears, and raw sockets that say what a test wants."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gevent.socket

from tests.integration.running import wait_until
from zerorpc.connection import (
    Connection,
    Dialer,
    Doorkeeper,
    Listener,
    Patience,
    Switchboard,
    listen,
)
from zerorpc.zmtp import Session

ANYWHERE = "tcp://127.0.0.1:*"


@dataclass
class Ear:
    """An owner that notes everything, and answers each message with itself where it `echoes`."""

    echoes: bool = False
    ready: list[Connection] = field(default_factory=list)
    heard: list[list[bytes]] = field(default_factory=list)
    closed: list[tuple[Connection, str]] = field(default_factory=list)
    full: list[Connection] = field(default_factory=list)
    drained: list[Connection] = field(default_factory=list)

    def on_ready(self, connection: Connection) -> None:
        self.ready.append(connection)

    def on_messages(self, connection: Connection, messages: list[list[bytes]]) -> None:
        self.heard += messages
        if self.echoes:
            for frames in messages:
                connection.send(frames)

    def on_full(self, connection: Connection) -> None:
        assert connection.is_full
        self.full.append(connection)

    def on_drained(self, connection: Connection) -> None:
        self.drained.append(connection)

    def on_closed(self, connection: Connection, reason: str) -> None:
        self.closed.append((connection, reason))

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.closed]

    def await_ready(self) -> Connection:
        wait_until(lambda: self.ready, "a handshake is over")
        return self.ready[-1]

    def await_reason(self, reason: str) -> None:
        wait_until(lambda: reason in self.reasons, f"closed: {reason}")


class Place:
    """A switchboard with listeners and dialers, that all end with the test."""

    def __init__(self, scan: float = 0.5, **patience: Any) -> None:
        self.board = Switchboard(scan)
        self.patience = Patience(**patience)
        self.doorkeeper = Doorkeeper(1000, 1000)
        self._open: list[Listener | Dialer] = []

    def listen(
        self, ear: Ear, endpoint: str = ANYWHERE, socket_type: str = "ROUTER", **options: Any
    ) -> Listener:
        listener = Listener(
            self.board,
            ear,
            listen(endpoint),
            lambda: Session(socket_type, is_server=True, **options),
            self.patience,
            self.doorkeeper,
        )
        self._open.append(listener)
        return listener

    def dial(self, ear: Ear, endpoint: str, socket_type: str = "DEALER") -> Dialer:
        dialer = Dialer(self.board, ear, endpoint, lambda: Session(socket_type), self.patience)
        self._open.append(dialer)
        return dialer

    def close(self) -> None:
        for each in self._open:
            each.close()
        self.board.close("closed_here")


@contextlib.contextmanager
def place(**patience: Any) -> Iterator[Place]:
    here = Place(**patience)
    try:
        yield here
    finally:
        here.close()


def raw(endpoint: str) -> socket.socket:
    """Connect without saying anything."""
    port = int(endpoint.rpartition(":")[2])
    made: socket.socket = gevent.socket.create_connection(("127.0.0.1", port), timeout=10)
    return made


def read_all(sock: socket.socket) -> bytes:
    """Read until the other side is done."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data
