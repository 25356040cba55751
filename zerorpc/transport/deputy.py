"""Acts for a loop that user code keeps from running; lives in the watchdog's thread.

It sends the heartbeats that are overdue. At a server it also reads calls that come in meanwhile:
their callers would give up on a process that is merely busy, since nobody has seen their calls yet.
What it reads waits in the pump until the loop runs again.
"""

from __future__ import annotations

import logging
from functools import partial
from time import monotonic

from zerorpc.beats import overdue, unseen_calls
from zerorpc.channel import Channel
from zerorpc.multiplexer import Multiplexer
from zerorpc.transport.pump import Pump

_log = logging.getLogger("zerorpc.transport")

# The loop has this part of an interval to send a heartbeat itself before it counts as overdue.
_OVERDUE = 0.125


class Deputy:
    """What the watchdog's thread does for one socket."""

    def __init__(self, pump: Pump, multiplexer: Multiplexer) -> None:
        self.interval = multiplexer.interval
        self._pump = pump
        self._multiplexer = multiplexer
        self._seen_turns = -1
        self._unseen: list[Channel] = []

    def beat_if_overdue(self) -> None:
        """Send the heartbeats that the loop should have sent by now."""
        if self._pump.unusable is None:
            self.act(monotonic())

    def tell_of_failed_beat(self, error: Exception) -> None:
        """Have the loop log that a heartbeat failed."""
        # Where gevent has patched logging's locks, no native thread may wait for them.
        failed = "the watchdog's heartbeat failed"
        self._pump.thread.call(partial(_log.error, failed, exc_info=error))

    def act(self, now: float) -> None:
        """Look after the socket once, at the instant `now`."""
        multiplexer = self._multiplexer
        # The loop comes first: only what it has let pass is sent from here.
        late = (self.interval or 0) * _OVERDUE
        # At each look, stuck or not: a loop that only is slow may be late with a few.
        beats = overdue(multiplexer, now, late)
        if multiplexer.is_server:
            if self._is_loop_stuck():
                self._unseen += unseen_calls(multiplexer, self._pump.read_ahead(), now)
            else:
                # The loop has seen them by now, and beats for them itself.
                self._unseen.clear()
        for channel in self._unseen:
            if channel.is_beat_due(now):
                beats.append(multiplexer.beat(channel))
        if beats:
            self._pump.send_from_thread(beats)

    def _is_loop_stuck(self) -> bool:
        """Tell whether the loop has not answered the kick of the last look; kick it again if so."""
        # A kick and the next look are an eighth of an interval apart: time enough for any loop that
        # runs at all.
        turns = self._pump.turns
        if turns == self._seen_turns:
            return True
        self._seen_turns = turns
        self._pump.kick()
        return False
