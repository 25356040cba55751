"""`python -m benchmarks.hub.forwarders proxy|loop IN OUT`: what a hub is compared with.

Both forward messages between any number of clients and workers, and know nothing of calls.
"""

from __future__ import annotations

import sys

import zmq

# Of each socket's file, per turn: as many as there are, without ever starving the other side.
_BATCH = 256


def _sockets(frontend: str, backend: str) -> tuple[zmq.Socket[bytes], zmq.Socket[bytes]]:
    sockets = []
    for kind, endpoint in ((zmq.ROUTER, frontend), (zmq.DEALER, backend)):
        socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
        # Without a bound: at a thousand in flight a ROUTER would drop answers without a word.
        socket.set_hwm(0)
        socket.linger = 0
        socket.set(zmq.BACKLOG, 4096)
        socket.bind(endpoint)
        sockets.append(socket)
    return sockets[0], sockets[1]


def proxy(frontend: str, backend: str) -> None:
    """Forward in C, by libzmq's own function."""
    zmq.proxy(*_sockets(frontend, backend))


def loop(frontend: str, backend: str) -> None:
    """Forward in Python, as the hubs of most tutorials do."""
    front, back = _sockets(frontend, backend)
    poller = zmq.Poller()
    poller.register(front, zmq.POLLIN)
    poller.register(back, zmq.POLLIN)
    while True:
        for socket, _ in poller.poll():
            _forward(socket, back if socket is front else front)


def _forward(source: zmq.Socket[bytes], target: zmq.Socket[bytes]) -> None:
    try:
        for _ in range(_BATCH):
            target.send_multipart(source.recv_multipart(zmq.NOBLOCK))
    except zmq.Again:
        return


if __name__ == "__main__":
    {"proxy": proxy, "loop": loop}[sys.argv[1]](*sys.argv[2:])
