"""Both ends of a conversation as the tests of channels start from them."""

from __future__ import annotations

from typing import Any

from zerorpc.channel import Channel, Effect
from zerorpc.limits import Limits
from zerorpc.wire import Event

ID = b"0123456789abcdef" * 2
NODE_ID = "b9d4a8a0-9f1c-4d3e-8f00-000000000001"


def caller(**changes: Any) -> Channel:
    """Return the end of a call that makes it, its request sent at instant 0."""
    settings: dict[str, Any] = {"is_opener": True, "interval": 5.0, "limits": Limits(), **changes}
    limits, channel_id = settings.pop("limits"), settings.pop("channel_id", ID)
    channel = Channel((), channel_id, "method", 0.0, limits, **settings)
    channel.is_sent = True
    return channel


def called(**changes: Any) -> Channel:
    """Return the end of a call that serves it, its request received at instant 0."""
    settings: dict[str, Any] = {"is_opener": False, "interval": 5.0, "limits": Limits(), **changes}
    limits, channel_id = settings.pop("limits"), settings.pop("channel_id", ID)
    return Channel((b"peer",), channel_id, "method", 0.0, limits, **settings)


def get(channel: Channel, name: str, args: Any = None, size: int = 50, now: float = 1.0) -> Effect:
    """Have an event arrive."""
    return channel.receive(Event({}, name, args), size, now)


def take_all(channel: Channel) -> list[Any]:
    """Take what is there, and return the args."""
    taken = []
    while channel.unread:
        event = channel.take()
        assert event is not None
        taken.append(event.args)
    return taken
