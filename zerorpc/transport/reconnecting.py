"""A client's connection that broke is left and made anew, and nothing is sent in between.

libzmq reconnects by itself, but it would first send what it had left for the old connection: calls
whose callers were told that they are lost. What is held back here can still be withdrawn.
"""

from __future__ import annotations

from time import monotonic

import gevent

from zerorpc.transport.endpoints import Endpoints
from zerorpc.transport.pump import Pump
from zerorpc.transport.threads import end_watcher

# A connection that did not last this long (seconds) is made again after that only: a server that
# takes and drops connections would else be asked as fast as the network allows.
_STEADY_S = 1.0
_FLAP_S = 0.1


class Reconnecting:
    """Holds a pump back while no connection stands, and renews connections that broke."""

    def __init__(self, pump: Pump, endpoints: Endpoints) -> None:
        self._pump = pump
        self._endpoints = endpoints
        self._up_since = 0.0
        self._has_left = False
        self._timer = gevent.get_hub().loop.timer(0)

    def hold(self, is_held: bool) -> None:
        """Keep what is to be sent from ZeroMQ, or let it go."""
        self._pump.is_held = is_held
        if not is_held:
            self._pump.schedule()

    def came_up(self) -> None:
        """Take note of a connection that is ready."""
        self._up_since = monotonic()
        self.hold(False)

    def went_down(self) -> None:
        """Leave a connection that broke, whose calls have ended, and make another."""
        self.hold(True)
        if self._has_left:
            return  # the connection that is told of now was on its way when the other was left
        self._has_left = True
        # libzmq drops the queue of a connection with it. So it does with ZMQ_IMMEDIATE, but then
        # also what has come in and was not read yet.
        self._endpoints.forget_connections()
        lasted = monotonic() - self._up_since
        self.close()
        self._timer = gevent.get_hub().loop.timer(0 if lasted > _STEADY_S else _FLAP_S)
        self._timer.start(self._renew)

    def _renew(self) -> None:
        self._has_left = False
        self._endpoints.renew_connections()

    def close(self) -> None:
        """Connect no more."""
        end_watcher(self._timer)
