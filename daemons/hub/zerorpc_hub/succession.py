"""One hub for another process: its doors and connections as data and descriptors, and back.

What flows is exported by its `Traffic`; how data and descriptors get there is `handover`'s.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from zerorpc.connection import Connection, Handed, Socket, let_in
from zerorpc.zmtp import Peer, Snapshot
from zerorpc_hub.config import Way
from zerorpc_hub.doors import Key
from zerorpc_hub.proxy import Proxy, of_clients, of_workers
from zerorpc_hub.traffic import Side

Plain = dict[str, Any]


def export(proxy: Proxy, descriptors: list[int]) -> Plain:
    """Return a hub as plain data, its descriptors by their place in the list they are added to.

    From now on it must not serve any more.
    """
    # Or what is queued would belong neither to the connections nor to the system.
    proxy.board.flush()
    connections = [each for each in proxy.connections if each.is_open and not each.is_ending]
    numbers = {each: number for number, each in enumerate(connections)}
    doors = []
    for key, door in proxy.doors.items():
        door.stop()
        if door.descriptor is not None:
            doors.append((key, _place(door.descriptor, descriptors)))
    return {
        "type": proxy.hub.type,
        "doors": doors,
        "connections": [_connection(each, proxy, descriptors) for each in connections],
        "traffic": proxy.traffic.export(numbers.__getitem__),
        "closed": dict(proxy.board.closed),
        "refused": dict(proxy.doorkeeper.refused),
        "holds": proxy.traffic.relay.holds,
    }


def _place(descriptor: int, descriptors: list[int]) -> int:
    descriptors.append(descriptor)
    return len(descriptors) - 1


def _connection(connection: Connection, proxy: Proxy, descriptors: list[int]) -> Plain:
    side = _side_of(connection)
    handed = connection.export()
    session, peer = handed.session, handed.session.peer
    # At most one: several doors may dial the same endpoint, but each for a connection of its own.
    made_by = [key for key, door in proxy.doors.items() if door.has_made(connection)]
    return {
        "at": _place(connection.fileno(), descriptors),
        "side": (side.side, side.endpoint, side.pool),
        "door": made_by[0] if made_by else None,
        "is_server": connection.session.is_server,
        "session": (session.partial, session.output, session.ttl_s),
        "peer": None if peer is None else _peer(peer),
        "unsent": (handed.unsent, handed.begins, handed.unheard, handed.is_full),
    }


def _peer(peer: Peer) -> tuple[Any, ...]:
    return peer.socket_type, peer.identity, peer.version, dict(peer.properties)


def _side_of(connection: Connection) -> Side:
    # Whoever makes connections here gives them an owner of a traffic's.
    side: Side = connection.owner  # type: ignore[assignment]
    return side


class Heritage:
    """What one hub of a process gets from that of before; what it does not take is closed."""

    def __init__(self, state: Plain, descriptors: list[int]) -> None:
        self._state = state
        self._sockets = {at: Socket(fileno=fd) for at, fd in enumerate(descriptors)}
        self._listening: Mapping[Key, int] = {tuple(key): at for key, at in state["doors"]}

    def listening(self, key: Key) -> Socket | None:
        """Return what listened at a door, None if nothing did."""
        at = self._listening.get(key)
        return None if at is None else self._sockets.pop(at, None)

    def go_on(self, proxy: Proxy) -> None:
        """Take over connections and what flows on them, once all doors are open."""
        state = self._state
        # Another type is another hub of the same name.
        if state["type"] == proxy.hub.type:
            owners = {_place_of(door.owner): door.owner for door in proxy.doors.values()}
            connections = {
                number: self._connection(each, proxy, owners)
                for number, each in enumerate(state["connections"])
            }
            proxy.traffic.restore(state["traffic"], connections)
            # Not before all is in place: what breaks here tells its owner, who looks things up.
            for connection in connections.values():
                if connection.was_ready:
                    _side_of(connection).on_handed(connection)
                connection.go_on()
            proxy.board.closed.update(state["closed"])
            proxy.doorkeeper.refused.update(state["refused"])
            proxy.traffic.relay.holds += state["holds"]
        self.close()

    def close(self) -> None:
        """Close what was not taken."""
        for socket in self._sockets.values():
            socket.close()
        self._sockets.clear()

    def _connection(self, state: Plain, proxy: Proxy, owners: dict[Any, Side]) -> Connection:
        place = side, endpoint, pool = tuple(state["side"])
        if place not in owners:
            # Of a door that is closed: its connections stay, and are worth what they were.
            traffic, way = proxy.traffic, Way(bind=(endpoint,))
            is_front = side == "in"
            owners[place] = (
                traffic.front(endpoint) if is_front else traffic.back(endpoint, pool, way)
            )
            owners[place].expect()
        socket, handed = self._sockets.pop(state["at"]), _handed(state)
        # Whoever dials for it has to know it, or there would soon be two connections.
        door = proxy.doors.get(tuple(state["door"])) if state["door"] else None
        if door is not None:
            return door.go_on(socket, handed)
        session = proxy.session(side, is_server=state["is_server"])
        most, session.max_message_bytes = session.max_message_bytes, sys.maxsize
        patience = of_clients(proxy.hub) if side == "in" else of_workers(proxy.hub)
        ends = proxy.board, owners[place], socket, session, patience
        if session.is_server:
            connection = let_in(*ends, proxy.doorkeeper, handed)
        else:
            connection = Connection(*ends, handed)
        # A narrower bound is for messages that begin from now on.
        session.max_message_bytes = most
        return connection


def _place_of(owner: Side) -> tuple[str, str, str]:
    return owner.side, owner.endpoint, owner.pool


def _handed(state: Plain) -> Handed:
    partial, output, ttl_s = state["session"]
    unsent, begins, unheard, is_full = state["unsent"]
    peer = None
    if state["peer"] is not None:
        socket_type, identity, version, properties = state["peer"]
        peer = Peer(socket_type, identity, tuple(version), properties)
    session = Snapshot(partial, peer, output, ttl_s)
    return Handed(session, unsent, tuple(begins), unheard, is_full)
