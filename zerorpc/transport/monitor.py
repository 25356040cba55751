"""Connections that come and go, as libzmq's socket monitor reports them.

A DEALER learns in milliseconds that the server's process died, long before heartbeats could tell;
a ROUTER learns that *some* client is gone.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from typing import Any

import gevent
import zmq

from zerorpc.transport.process import open_socket
from zerorpc.transport.threads import end_watcher

_NUMBERS = itertools.count()
_UP = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
_DOWN = int(zmq.EVENT_DISCONNECTED)
# Sent before EVENT_DISCONNECTED where the handshake did not succeed, one of the three.
_FAILED = int(
    zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
)


class Monitor:
    """Calls `on_change(is_up, endpoint)` in the hub when a connection of `socket` is made or lost.

    Must be closed before the socket, and is of no use for `inproc`, which has no connections.
    """

    def __init__(self, socket: zmq.Socket[Any], on_change: Callable[[bool, str], None]) -> None:
        name = f"inproc://zerorpc.monitor.{next(_NUMBERS)}"
        # The watched socket runs the monitor: it must still be open when that is switched off.
        self._watched = socket
        self._on_change = on_change
        self._standing = 0
        self._failed = 0
        # Only what is acted upon: each event costs a message through a pair of sockets.
        socket.monitor(name, _UP | _DOWN | _FAILED)
        self._events = open_socket(socket.context, zmq.PAIR)
        self._events.linger = 0
        self._events.connect(name)
        self._io = gevent.get_hub().loop.io(int(self._events.getsockopt(zmq.FD)), 1)
        self._io.start(self.read_now)
        self.read_now()  # looks once, which arms the edge-triggered descriptor

    def read_now(self) -> None:
        """Report what has happened so far."""
        while not self._events.closed:
            try:
                # Until it is empty: the descriptor is edge-triggered, like that of every ZeroMQ
                # socket.
                event, endpoint = self._events.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            except zmq.ZMQError as error:
                if error.errno == zmq.ENOTSOCK:  # closed by a signal's handler, right here
                    return
                raise
            # The event's number in 16 bits, then a value in 32, such as the descriptor: of no use
            # here, since EVENT_HANDSHAKE_SUCCEEDED does not tell it.
            code: int = struct.unpack_from("=H", event)[0]
            if self._is_change(code):
                self._on_change(code == _UP, endpoint.decode())

    def _is_change(self, code: int) -> bool:
        """Tell whether a connection has come to stand, or one that stood is gone.

        libzmq reports as disconnected also what never came so far: port scanners, health checks, a
        proxy without a server behind it. It says before that the handshake failed, except to a peer
        with a type of socket that does not fit.
        """
        if code == _UP:
            self._standing += 1
            return True
        if code != _DOWN:
            self._failed += 1
            return False
        if self._failed:
            self._failed -= 1
            return False
        has_stood = self._standing > 0
        self._standing -= has_stood
        return has_stood

    def forget(self) -> None:
        """Take no connection for standing: they were left, of which libzmq says nothing."""
        self._standing = 0

    def abandon(self) -> None:
        """Stop watching without touching the sockets, as the child of a fork must."""
        end_watcher(self._io)

    def close(self) -> None:
        """Stop watching."""
        # May be called twice: a client is closed, and then dropped.
        if not self._events.closed:
            self.abandon()
            self._watched.disable_monitor()
            self._events.close()
