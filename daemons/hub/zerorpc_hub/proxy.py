"""One hub as its configuration has it: its doors, and the traffic between them.

It opens and closes; what is done with messages is the business of its `Traffic`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import gevent

from zerorpc.connection import Doorkeeper, Patience, Socket, Switchboard
from zerorpc.zmtp import Session
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.config import Hub
from zerorpc_hub.doors import Door, Key, Wish, wishes
from zerorpc_hub.oneway import FanoutTraffic, PipelineTraffic
from zerorpc_hub.queueing import CallTraffic
from zerorpc_hub.traffic import Traffic

# How often it is looked whether a drain is over: what a caller who waits for that would notice.
_LOOK_S = 0.01
# A drained hub hangs up when no call came for so long, and at the latest after that: clients learn
# by the first refusal that they should call elsewhere, and what they have sent until then may
# still be on its way.
_QUIET_S = 0.1
_HEAR_OUT_S = 1.0


def _nothing(_key: Key) -> Socket | None:
    return None


class Proxy:
    """One hub, which serves from `open` to `close`."""

    def __init__(self, name: str, hub: Hub, log: EventLog) -> None:
        self.name, self.hub, self._log = name, hub, log
        # One for each hub, so that its counters are its own.
        self.board = Switchboard()
        self.doorkeeper = Doorkeeper(hub.limits.connections, hub.limits.connections_per_ip)
        self.traffic = traffic_of(name, hub, log)
        self.doors: dict[Key, Door] = {}

    def open(self, listening: Callable[[Key], Socket | None] = _nothing) -> None:
        """Listen and connect wherever it should; raises `EndpointError`, and then did neither.

        `listening` returns what listens at a door already.
        """
        try:
            for wish in wishes(self.hub):
                self.doors[wish.key] = self._open(wish, self.hub, listening(wish.key))
        except BaseException:
            self.close_doors()
            # Or its timer would go on, and all that hangs on it.
            self.traffic.end()
            self.board.close("not_started")
            raise
        for door in self.doors.values():
            door.owner.expect()

    def _open(self, wish: Wish, hub: Hub, listening: Socket | None = None) -> Door:
        patience = of_clients(hub) if wish.way is None else of_workers(hub)

        def make_session() -> Session:
            return self.session(wish.side, is_server=not wish.is_dialled)

        door = Door(
            wish, self.board, self.traffic, make_session, patience, self.doorkeeper, listening
        )
        event = "connecting" if wish.is_dialled else "listening"
        self._log.info(event, hub=self.name, side=wish.side, endpoint=door.endpoint)
        return door

    def session(self, side: str, *, is_server: bool) -> Session:
        """Return a new end of a connection at a side: "in" or "out"."""
        kind = self.traffic.front_type if side == "in" else self.traffic.back_type
        # Of the hub as it is then: a reload counts for the connections that come after it.
        most = self.hub.limits.message_bytes
        return Session(kind, is_server=is_server, max_message_bytes=most)

    # -- another configuration ---------------------------------------------------------------

    def plan(self, hub: Hub) -> Change:
        """Open what another configuration has more; raises `EndpointError`, and then did not."""
        change = Change(self, hub)
        try:
            for wish in wishes(hub):
                if wish.key not in self.doors:
                    change.opened[wish.key] = self._open(wish, hub)
        except BaseException:
            change.abandon()
            raise
        return change

    def apply(self, change: Change) -> None:
        """Go on with another configuration."""
        self.hub = change.hub
        wanted = {wish.key: wish for wish in wishes(self.hub)}
        # Their connections stay: who is connected has done nothing wrong.
        for key in self.doors.keys() - wanted.keys():
            door = self.doors.pop(key)
            door.close()
            self._log.info("closed", hub=self.name, side=door.wish.side, endpoint=door.endpoint)
        self.doors |= change.opened
        for key, wish in wanted.items():
            patience = of_clients(self.hub) if wish.way is None else of_workers(self.hub)
            self.doors[key].change(wish, patience)
        limits = self.hub.limits
        self.doorkeeper.most = limits.connections
        self.doorkeeper.most_per_ip = limits.connections_per_ip
        ways = {
            door.endpoint: (door.wish.pool, door.wish.way)
            for door in self.doors.values()
            if door.wish.way is not None
        }
        self.traffic.revise(self.name, self.hub, ways)

    # -- the end -----------------------------------------------------------------------------

    def close_doors(self) -> None:
        """Accept and make no more connections."""
        for door in self.doors.values():
            door.close()

    def drain(self, until: float) -> None:
        """Take nothing new, and return once nothing is in progress.

        `until` is the instant at which the caller takes what is left for cut off.
        """
        self.close_doors()
        self.traffic.drain()
        while self.traffic.in_progress or any(each.backlog for each in self.connections):
            gevent.sleep(_LOOK_S)
        self._hear_out(until)

    def _hear_out(self, until: float) -> None:
        # Well before that instant: everything is finished, and nobody is to read otherwise.
        enough = min(time.monotonic() + _HEAR_OUT_S, until - 2 * _QUIET_S)
        while self.connections and time.monotonic() < enough:
            before = self.traffic.refusals
            gevent.sleep(_QUIET_S)
            if self.traffic.refusals == before:
                return

    def close(self) -> None:
        """End everything; peers get what was said to them, if they take it within a second."""
        self.close_doors()
        if left := self.traffic.in_progress:
            self._log.warning("ended with work left", hub=self.name, left=left)
        self.traffic.end()
        # Not `close`: a reset would take the last words away from peers that have not read them.
        for connection in self.connections:
            connection.finish("hub_ended")
        with gevent.Timeout(of_clients(self.hub).farewell, False):  # type: ignore[arg-type]
            while self.connections:
                gevent.sleep(_LOOK_S)
        self.board.close("hub_ended")

    @property
    def connections(self) -> list[Any]:
        """The connections of now."""
        return list(self.board.connections)

    def unready(self) -> str | None:
        """Return why nothing should be sent here."""
        return None if self.traffic.backs else f"hub {self.name!r} has no worker"

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        return {
            "type": self.hub.type,
            "in": [each.endpoint for each in self.doors.values() if each.wish.side == "in"],
            "out": [each.endpoint for each in self.doors.values() if each.wish.side == "out"],
            "is_ready": self.unready() is None,
            "connections": len(self.board.connections),
            "closed": dict(self.board.closed),
            "refused_connections": dict(self.doorkeeper.refused),
            "held_back": self.traffic.relay.held,
            "times_held_back": self.traffic.relay.holds,
            **self.traffic.statistics(),
        }


class Change:
    """What has been opened for a configuration that is not in force yet."""

    def __init__(self, proxy: Proxy, hub: Hub) -> None:
        self._proxy, self.hub = proxy, hub
        self.opened: dict[Key, Door] = {}

    def apply(self) -> None:
        """Put it in force."""
        self._proxy.apply(self)

    def abandon(self) -> None:
        """Close it again."""
        for door in self.opened.values():
            door.close()


def of_clients(hub: Hub) -> Patience:
    """Return the bounds of peers that send: they may lag behind, but not stand still."""
    limits, heartbeat = hub.limits, hub.heartbeat
    return Patience(
        full_bytes=limits.unsent_bytes,
        most_bytes=limits.unsent_bytes + limits.message_bytes,
        handshake=limits.handshake,
        ping_after=heartbeat.interval,
        dead_after=heartbeat.timeout,
        stalled=heartbeat.timeout,
    )


def of_workers(hub: Hub) -> Patience:
    """Return the bounds of peers that are sent to: they may stand still while they compute."""
    limits, heartbeat = hub.limits, hub.heartbeat
    return Patience(
        full_bytes=limits.full_bytes,
        # A whole queue may go to the worker that comes first.
        most_bytes=limits.unsent_bytes + hub.queue.bytes + 2 * limits.message_bytes,
        handshake=limits.handshake,
        ping_after=heartbeat.interval,
        dead_after=heartbeat.timeout,
    )


def traffic_of(name: str, hub: Hub, log: EventLog) -> Traffic:
    """Return the traffic of a hub's type."""
    if hub.type == "pubsub":
        return FanoutTraffic(hub.limits, log)
    if hub.type == "pipeline":
        return PipelineTraffic(hub, log)
    return CallTraffic(hub.policy(name), log)
