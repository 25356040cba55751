"""Heartbeats out of turn: those that another thread sends, and those that find who is gone.

Sans-IO. While user code holds up the loop, `overdue` and `unseen_calls` read a multiplexer whose
own thread may change it at any time: of that, a snapshot of the channels and `next_beat` are all
that is looked at, and `next_beat` all that is moved. The worst that a race with the loop can do is
one heartbeat too many.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
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


def probes(multiplexer: Multiplexer, strict: Set[bytes] = frozenset()) -> list[Frames]:
    """Return a heartbeat per peer with open channels: a peer that is gone fails its sending.

    Not where none is expected, nor for `strict` peers, who take whatever comes for the answer.
    """
    beats, seen = [], set(strict)
    # One for each connection, whatever stands behind it; on the oldest channel, whose own beats
    # are the likeliest to have begun.
    for channel in multiplexer.channels.values():
        peer = channel.envelope[0]
        if peer not in seen and not channel.is_passive:
            seen.add(peer)
            beats.append(multiplexer.beat(channel))
    return beats


def _may_beat(header: dict[Any, Any]) -> bool:
    """Tell whether the caller, by the version it claims, expects heartbeats before it sent any."""
    try:
        return not beats_first(message_version(header))
    except RemoteProtocolError:
        return False  # the loop will refuse the call
