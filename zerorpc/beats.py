"""The heartbeats that another thread sends while the loop is held up by user code.

Sans-IO. It reads a multiplexer whose own thread may change it at any time: of that, a snapshot of
the channels and `next_beat` are all that is looked at, and `next_beat` all that is moved. The worst
that a race with the loop can do is one heartbeat too many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from zerorpc.channel import Channel
from zerorpc.errors import RemoteProtocolError
from zerorpc.multiplexer import Multiplexer
from zerorpc.wire import (
    Blob,
    Frames,
    beats_first,
    envelope_of,
    is_id,
    is_long_envelope,
    message_version,
    peek_header,
)


def overdue(multiplexer: Multiplexer, now: float, late: float) -> list[Frames]:
    """Return the heartbeats that were due `late` seconds ago: the loop that sends them is stuck."""
    channels = list(multiplexer.channels.values())
    return [multiplexer.beat(channel) for channel in channels if channel.is_beat_due(now, late)]


def unseen_calls(
    multiplexer: Multiplexer, messages: Iterable[list[Blob]], now: float
) -> list[Channel]:
    """Return channels, known to nobody else, for the calls in messages that no loop has seen."""
    channels = []
    for frames in messages:
        if is_long_envelope(frames):
            continue
        header = peek_header(frames[-1])
        channel_id = header.get("message_id")
        if header.get("response_to") is None and is_id(channel_id) and _may_beat(header):
            channels.append(multiplexer.serving_channel(envelope_of(frames), channel_id, "", now))
    return channels


def _may_beat(header: dict[Any, Any]) -> bool:
    """Tell whether the caller, by the version it claims, expects heartbeats before it sent any."""
    try:
        return not beats_first(message_version(header))
    except RemoteProtocolError:
        return False  # the loop will refuse the call
