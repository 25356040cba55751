"""What the multiplexer asks of its driver: the data that crosses the seam between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from zerorpc.channel import Channel
from zerorpc.wire import Event, Frames


@dataclass(slots=True)
class Request:
    """An opening event on its new channel; not to be started after the instant `start_by`."""

    channel: Channel
    event: Event
    start_by: float | None


# Made once a batch: its lists cost nothing measurable a message.
@dataclass(slots=True)
class Step:
    """What one call of the multiplexer asks of its driver.

    `send` holds the messages to put on the wire, `opened` the calls to serve, `woken` the channels
    whose owners have something to look at.
    """

    send: list[Frames] = field(default_factory=list)
    opened: list[Request] = field(default_factory=list)
    woken: list[Channel] = field(default_factory=list)
