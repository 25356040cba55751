"""Both ends of a socket as the tests of multiplexers start from them, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import msgpack

from zerorpc.channel import Channel
from zerorpc.limits import Limits
from zerorpc.multiplexer import Multiplexer
from zerorpc.step import Request, Step
from zerorpc.wire import Blob, Codec, Event, Frames

NODE_ID = "b9d4a8a0-9f1c-4d3e-8f00-000000000001"


def ids() -> Callable[[], bytes]:
    """Return a source of ids that are all different, over all sources."""
    return _ids.__next__


_ids = map(b"%032x".__mod__, count())


def client(**changes: Any) -> Multiplexer:
    """Return the multiplexer of a client's socket."""
    return _made({"is_server": False, **changes})


def server(**changes: Any) -> Multiplexer:
    """Return the multiplexer of a server's socket."""
    return _made({"is_server": True, **changes})


def _made(settings: dict[str, Any]) -> Multiplexer:
    limits = settings.setdefault("limits", Limits())
    codec = settings.pop("codec", Codec((), limits.event_bytes, limits.containers))
    return Multiplexer(codec, ids(), **{"interval": 5.0, **settings})


def blob(header: Any, name: Any, args: Any) -> bytes:
    """Return an event as MessagePack itself packs it."""
    packed: bytes = msgpack.packb([header, name, args], use_bin_type=True)
    return packed


def request(channel_id: Any = b"id", name: str = "add", args: Any = (), **header: Any) -> bytes:
    """Return an opening event."""
    return blob({"message_id": channel_id, "v": 3, **header}, name, args)


def on(channel: Channel, name: str, args: Any = None, **header: Any) -> bytes:
    """Return an event of the peer on an open channel."""
    return blob({"message_id": b"next", "v": 3, "response_to": channel.id, **header}, name, args)


def feed(multiplexer: Multiplexer, *blobs: Blob, peer: bytes = b"peer", now: float = 0.0) -> Step:
    """Have events arrive in one batch, at a server all from `peer`."""
    messages: list[list[Blob]] = [
        [peer, b"", each] if multiplexer.is_server else [b"", each] for each in blobs
    ]
    return multiplexer.receive(messages, now)


def accept(
    multiplexer: Multiplexer, blob: Blob, *, peer: bytes = b"peer", now: float = 0.0
) -> Request:
    """Have one request arrive, which must be accepted."""
    (opened,) = feed(multiplexer, blob, peer=peer, now=now).opened
    return opened


def call(multiplexer: Multiplexer, now: float = 0.0, **options: Any) -> Channel:
    """Make a call, and have it sent."""
    channel, _ = multiplexer.open("method", [1], now, **options)
    channel.is_sent = True
    return channel


def said(messages: Iterable[Frames]) -> list[tuple[bytes, str, Any]]:
    """Return first frame, name and args of each message."""
    return [(bytes(frames[0]), event.name, event.args) for frames, event in _decoded(messages)]


def headers(messages: Iterable[Frames]) -> list[dict[str, Any]]:
    """Return the header of each message."""
    return [event.header for _, event in _decoded(messages)]


def _decoded(messages: Iterable[Frames]) -> list[tuple[Frames, Event]]:
    return [(frames, Codec().decode(frames[-1])) for frames in messages]
