"""Plain pyzmq, DEALER to ROUTER, bytes echoed as they are: the limit of the transport."""

from __future__ import annotations

import functools
from collections.abc import Callable

import zmq

from benchmarks.peers.load import TEXT, Load, Result, in_window, timed

Codec = Callable[[bytes], bytes]


def bare(payload: bytes) -> bytes:
    """Leave the bytes alone."""
    return payload


def serve(endpoint: str, answer: Codec = bare) -> None:
    """Echo until killed."""
    router = _socket(zmq.ROUTER)
    router.bind(endpoint)
    receive, send = router.recv_multipart, router.send_multipart
    while True:
        *envelope, payload = receive()
        send([*envelope, answer(payload)])


def measure(endpoint: str, load: Load, encode: Codec = bare, decode: Codec = bare) -> Result:
    """Be the client of one run, in the modes call and payload."""
    dealer = _socket(zmq.DEALER)
    dealer.connect(endpoint)
    payload = TEXT.encode() if load.mode == "call" else bytes(load.size_bytes)
    send, receive = dealer.send_multipart, dealer.recv_multipart

    def collect(_: None) -> bytes:
        return decode(receive()[-1])

    issue = functools.partial(_issue, send, encode, payload)
    return timed(load, in_window(issue, collect, load.inflight))


def _issue(send: Callable[[list[bytes]], object], encode: Codec, payload: bytes) -> None:
    send([b"", encode(payload)])


def _socket(kind: int) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = zmq.Context.instance().socket(kind)
    # No high-water mark: at 1000 in flight a ROUTER would drop replies without a word.
    socket.set_hwm(0)
    socket.linger = 0
    return socket
