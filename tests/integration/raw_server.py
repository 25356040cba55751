"""A server made of nothing but pyzmq and msgpack, which answers only what a test tells it to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack
import zmq.green as zmq

from tests.integration.faults.raw_peer import RawPeer


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that came in, and who sent it."""

    identity: bytes
    header: dict[str, Any]
    name: str
    args: Any


class RawServer(RawPeer):
    """A bound ROUTER that does what it is told."""

    def __init__(self) -> None:
        super().__init__(kind=zmq.ROUTER)
        self.endpoint = self.bind()

    def take(self) -> Taken:
        """Return the next event that is no heartbeat."""
        while True:
            identity, *_, blob = self.receive_frames()
            header, name, args = msgpack.unpackb(blob, strict_map_key=False)
            if name != "_zpc_hb":
                return Taken(identity, header, name, args)

    def answer(self, request: Taken, name: str, args: Any, **header: Any) -> None:
        """Send an event on the channel that a request opened."""
        channel = request.header.get("response_to", request.header["message_id"])
        self.send(name, args, response_to=channel, envelope=[request.identity], **header)

    def __enter__(self) -> RawServer:
        return self
