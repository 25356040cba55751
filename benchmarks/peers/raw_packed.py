"""Plain pyzmq with a MessagePack event around the payload: the same copies as an RPC makes."""

from __future__ import annotations

import msgpack

from benchmarks.peers import raw_zmq
from benchmarks.peers.load import Load, Result

_HEADER = {"message_id": bytes(32), "v": 3}


def _pack(payload: bytes) -> bytes:
    packed: bytes = msgpack.packb([_HEADER, "echo", [payload]])
    return packed


def _unpack(event: bytes) -> bytes:
    payload: bytes = msgpack.unpackb(event)[2][0]
    return payload


def _answer(event: bytes) -> bytes:
    return _pack(_unpack(event))


def serve(endpoint: str) -> None:
    """Echo until killed."""
    raw_zmq.serve(endpoint, _answer)


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run."""
    return raw_zmq.measure(endpoint, load, _pack, _unpack)
