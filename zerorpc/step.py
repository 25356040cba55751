"""What the multiplexer asks of its driver: the data that crosses the seam between them."""

from __future__ import annotations

from zerorpc.channel import Channel
from zerorpc.wire import Event, Frames


class Request:
    """An opening event on its new channel; not to be started after the instant `start_by`.

    `size` is that of the event in bytes; `is_waiting` while it is counted with those that wait.
    """

    __slots__ = ("channel", "event", "is_waiting", "size", "start_by")

    def __init__(
        self, channel: Channel, event: Event, start_by: float | None, size: int = 0
    ) -> None:
        self.is_waiting = False
        self.size = size
        self.channel = channel
        self.event = event
        self.start_by = start_by


# Made once a batch: its lists cost nothing measurable a message.
class Step:
    """What one call of the multiplexer asks of its driver.

    `send` holds the messages to put on the wire, `opened` the calls to serve, `woken` the channels
    whose owners have something to look at. `is_peer_draining` tells that a server said of itself
    that it is about to stop; `lost` holds the peers that were judged lost and have no call open.
    """

    __slots__ = ("is_peer_draining", "lost", "opened", "send", "woken")

    def __init__(self) -> None:
        self.is_peer_draining = False
        self.lost: set[bytes] = set()
        self.send: list[Frames] = []
        self.opened: list[Request] = []
        self.woken: list[Channel] = []
