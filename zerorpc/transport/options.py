"""How a socket for messages is set up: what libzmq holds for it, and when it tries again."""

from __future__ import annotations

from typing import Any

import zmq

# Messages in libzmq's own queues, per peer and direction: enough that a batch seldom meets the
# limit. It knows no bound by bytes: `router` counts the large ones itself.
HIGH_WATER_MARK = 1000
# A server that is away is tried again after the first (milliseconds), then less and less often.
_RECONNECT_MS = 100
_RECONNECT_MAX_MS = 2000


def set_up(socket: zmq.Socket[Any], max_event_bytes: int) -> None:
    """Set the options of a socket that is new."""
    # Unless `close` gives some time: a process that fails must not wait for peers that are away.
    socket.linger = 0
    socket.set_hwm(HIGH_WATER_MARK)
    # Twice the limit: what is a little too large can be answered with an ERR that says so.
    socket.setsockopt(zmq.MAXMSGSIZE, 2 * max_event_bytes)
    socket.setsockopt(zmq.RECONNECT_IVL, _RECONNECT_MS)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
    if socket.type == zmq.PUSH:
        # Nothing queues for a peer that is not there. Not for sockets that receive as well: with
        # this option libzmq drops what it has received but not yet handed over when a connection
        # breaks, so a last word would be lost.
        socket.setsockopt(zmq.IMMEDIATE, 1)
