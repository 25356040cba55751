"""A peer made of nothing but pyzmq and msgpack, so that it can break any rule.

It shares no code with the library: what it sends and how it reads are the protocol page's words.
"""

from __future__ import annotations

import itertools
from types import TracebackType
from typing import Any

import gevent
import msgpack
import zmq.green as zmq

from tests.integration.faults.processes import PATIENCE

_NUMBERS = itertools.count()


class RawPeer:
    """A DEALER (or other socket) that speaks whatever it is told to."""

    def __init__(
        self, endpoint: str | None = None, kind: int = zmq.DEALER, **options: int | bytes
    ) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(kind)
        self.socket.linger = 0
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        if endpoint is not None:
            self.socket.connect(endpoint)

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def bind(self) -> str:
        """Bind to a free port and return the endpoint."""
        self.socket.bind("tcp://127.0.0.1:*")
        chosen = self.socket.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(chosen, bytes)
        return chosen.rstrip(b"\0").decode()

    @staticmethod
    def fresh_id() -> bytes:
        """An id that no other event of this process has."""
        return b"raw-%028d" % next(_NUMBERS)

    def send(
        self,
        name: str,
        args: Any,
        *,
        message_id: Any = None,
        response_to: Any = None,
        envelope: list[bytes] | None = None,
        **header: Any,
    ) -> Any:
        """Send one event and return its id; `header` adds to or replaces the usual keys."""
        message_id = self.fresh_id() if message_id is None else message_id
        keys = {"message_id": message_id, "v": 3, **header}
        if response_to is not None:
            keys["response_to"] = response_to
        self.send_blob(msgpack.packb([keys, name, args]), envelope)
        return message_id

    def send_blob(self, blob: bytes, envelope: list[bytes] | None = None) -> None:
        """Send any bytes in the place of an event."""
        self.socket.send_multipart([*(envelope or []), b"", blob])

    def receive_frames(self, within: float = PATIENCE) -> list[bytes]:
        """Return the next message as it came; fails when none comes."""
        with gevent.Timeout(within, AssertionError(f"nothing came within {within} s")):
            frames: list[bytes] = self.socket.recv_multipart()
            return frames

    def receive(self, within: float = PATIENCE) -> tuple[dict[str, Any], str, Any]:
        """Return the next event as header, name and args."""
        header, name, args = msgpack.unpackb(self.receive_frames(within)[-1], strict_map_key=False)
        return header, name, args

    def receive_answer(self, channel: Any, within: float = PATIENCE) -> tuple[str, Any]:
        """Return name and args of the next event of a channel that is not a control event."""
        while True:
            header, name, args = self.receive(within)
            if header.get("response_to") == channel and not name.startswith("_zpc_"):
                return name, args

    def call(self, name: str, *args: Any) -> tuple[str, Any]:
        """Call a method and return what was answered."""
        return self.receive_answer(self.send(name, list(args)))

    def close(self) -> None:
        """Close everything at once."""
        self.socket.close(linger=0)
        self.context.term()
