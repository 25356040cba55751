"""Whether a server takes one more call: limits in all and per peer, and draining.

Sans-IO. What it refuses is answered with an ERR that says why, never left without an answer.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any

from zerorpc.limits import Limits
from zerorpc.wire import DRAINING, Envelope

# Peers whose last ping is remembered, the latest: hubs are few.
_MOST_PINGS = 64


class Admission:
    """Counts a server's open channels per peer, which the first frame of the envelope names.

    While `is_draining` nothing is admitted. `refused` counts by the name of the ERR.
    """

    def __init__(self, limits: Limits) -> None:
        self.is_draining = False
        self.refused: Counter[str] = Counter()
        self._limits = limits
        # Peers without open calls have no entry: who connects and leaves again leaves nothing.
        # Counted, since looking through 100,000 channels for each new one would take milliseconds.
        self._per_peer: dict[bytes, int] = {}
        self._open = 0
        # The last ping of each peer that pings: who asks again and again is a hub, mostly.
        self.pings: OrderedDict[bytes, Any] = OrderedDict()

    def admit(self, envelope: Envelope) -> tuple[str, str] | None:
        """Count a call as open; or return name and text of the ERR for one that is not admitted."""
        identity = envelope[0]
        open_here = self._per_peer.get(identity, 0)
        if self.is_draining:
            # A promise: clients and hubs send such a call elsewhere without a second thought.
            refusal = DRAINING, "the server is about to stop; the call was not started"
        # A hub says the same when its queue is full, so callers have one case to handle.
        elif self._open >= self._limits.channels:
            refusal = "Overloaded", f"{self._open} calls are open, no more are taken"
        elif open_here >= self._limits.channels_per_peer:
            refusal = "Overloaded", f"this peer has {open_here} calls open, no more are taken"
        else:
            self._open += 1
            self._per_peer[identity] = open_here + 1
            return None
        self.refused[refusal[0]] += 1
        return refusal

    def note_ping(self, envelope: Envelope, channel: Any) -> None:
        """Remember the channel of a peer's last ping, to tell it later that this end drains."""
        self.pings[envelope[0]] = channel
        self.pings.move_to_end(envelope[0])
        if len(self.pings) > _MOST_PINGS:
            self.pings.popitem(last=False)

    def has_open(self, envelope: Envelope) -> bool:
        """Tell whether a peer has any call open."""
        return envelope[0] in self._per_peer

    def closed(self, envelope: Envelope) -> None:
        """Count an admitted call as over; a peer without any leaves nothing behind."""
        identity = envelope[0]
        self._open -= 1
        left = self._per_peer[identity] - 1
        if left:
            self._per_peer[identity] = left
        else:
            del self._per_peer[identity]
