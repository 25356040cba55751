"""Connections that come and go, as libzmq's socket monitor reports them.

A DEALER learns in milliseconds that the server's process died, long before heartbeats could tell;
a ROUTER learns that *some* client is gone.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable
from typing import Any

import gevent
import zmq

from zerorpc.transport.process import open_socket
from zerorpc.transport.standing import Standing
from zerorpc.transport.threads import end_watcher

_NUMBERS = itertools.count()
_ACCEPTED = int(zmq.EVENT_ACCEPTED)
_CONNECTED = int(zmq.EVENT_CONNECTED)
_UP = int(zmq.EVENT_HANDSHAKE_SUCCEEDED)
_DOWN = int(zmq.EVENT_DISCONNECTED)


class Monitor:
    """Calls `on_change(is_up, endpoint)` in the hub when a connection of `socket` is made or lost.

    Must be closed before the socket, and is of no use for `inproc`, which has no connections.
    """

    def __init__(self, socket: zmq.Socket[Any], on_change: Callable[[bool, str], None]) -> None:
        name = f"inproc://zerorpc.monitor.{next(_NUMBERS)}"
        # The watched socket runs the monitor: it must still be open when that is switched off.
        self._watched = socket
        self._on_change = on_change
        self._standing = Standing()
        # libzmq gives a DEALER one connection to an endpoint, and a client connects it to one only.
        self._is_dealer = socket.type == zmq.DEALER
        # Only what is acted upon: each event costs a message through a pair of sockets.
        socket.monitor(name, _ACCEPTED | _CONNECTED | _UP | _DOWN)
        self._events = open_socket(socket.context, zmq.PAIR)
        self._events.linger = 0
        # Without a bound: at one libzmq's thread would wait for us, and with it every socket of the
        # context, while user code keeps the loop from reading and a thousand clients reconnect.
        self._events.rcvhwm = 0
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
            # The event's number in 16 bits, then a value in 32: the descriptor, but for `_UP`.
            code, descriptor = struct.unpack("=Hi", event)
            for is_up in self._take_in(code, descriptor):
                self._on_change(is_up, endpoint.decode())

    def _take_in(self, code: int, descriptor: int) -> Iterable[bool]:
        """Tell of each connection that has come to stand (True), or that stood and is gone (False).

        libzmq reports as disconnected also what never came so far: port scanners, health checks, a
        proxy without a server behind it, a peer with a type of socket that does not fit.
        """
        standing = self._standing
        if code == _UP:
            return (True, False) if standing.succeed() else (True,)
        if code == _CONNECTED:
            standing.begin(descriptor, is_only=self._is_dealer)
            return ()
        # A descriptor that is accepted again was closed without a word, with its endpoint.
        is_gone = standing.begin(descriptor) if code == _ACCEPTED else standing.end(descriptor)
        return (False,) if is_gone else ()

    def forget(self) -> None:
        """Take no connection for standing: they were left, of which libzmq says nothing."""
        self._standing = Standing()

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
