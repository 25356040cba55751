"""The endpoints of one hub: opened, changed by a reload, closed.

A door is a listener or a dialer with the owner of its connections. It must not know what flows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from zerorpc.connection import (
    Connection,
    Dialer,
    Doorkeeper,
    Handed,
    Listener,
    Patience,
    Socket,
    Switchboard,
    endpoint_of,
    listen,
)
from zerorpc.zmtp import Session
from zerorpc_hub.config import Hub, Way
from zerorpc_hub.overlap import spot
from zerorpc_hub.traffic import Side, Traffic

Key: TypeAlias = tuple[str, str, bool]


@dataclass(frozen=True, slots=True)
class Wish:
    """An endpoint that a configuration has; two of the same `key` are the same door."""

    side: str
    endpoint: str
    is_dialled: bool = False
    pool: str = ""
    way: Way | None = None
    number: int = 0

    @property
    def key(self) -> Key:
        """What tells it from others: what connections there are worth may change."""
        # The same words mean another port each time where the system chooses it.
        name = f"{self.endpoint} {self.pool} {self.number}" if self._is_any_port else self.endpoint
        return self.side, name, self.is_dialled

    @property
    def _is_any_port(self) -> bool:
        return spot(self.endpoint).is_any_port


def wishes(hub: Hub) -> Iterator[Wish]:
    """Yield the endpoints of a hub, no two of the same key."""
    count = Counter[Key]()
    for wish in _listed(hub):
        yield replace(wish, number=count[wish.key])
        count[wish.key] += 1


def _listed(hub: Hub) -> Iterator[Wish]:
    for endpoint in hub.in_:
        yield Wish("in", endpoint)
    for pool, way in hub.ways():
        for endpoint in way.bind:
            yield Wish("out", endpoint, pool=pool, way=way)
        for endpoint in way.connect:
            yield Wish("out", endpoint, is_dialled=True, pool=pool, way=way)


class Door:
    """One endpoint that is open; raises `EndpointError` where it cannot be.

    `make_session` is asked for each connection, so that new ones follow a new configuration;
    `listening` is a socket that the process of before has bound.
    """

    def __init__(
        self,
        wish: Wish,
        board: Switchboard,
        traffic: Traffic,
        make_session: Callable[[], Session],
        patience: Patience,
        doorkeeper: Doorkeeper,
        listening: Socket | None = None,
    ) -> None:
        self.wish = wish
        self._traffic = traffic
        self._opened: Listener | Dialer
        if wish.is_dialled:
            self.endpoint = wish.endpoint
            self.owner = self._make_owner()
            self._opened = Dialer(board, self.owner, wish.endpoint, make_session, patience)
        else:
            # First, since the owner wants to know the port that the system chose.
            socket = listen(wish.endpoint) if listening is None else listening
            self.endpoint = endpoint_of(socket)
            self.owner = self._make_owner()
            self._opened = Listener(board, self.owner, socket, make_session, patience, doorkeeper)

    def _make_owner(self) -> Side:
        if self.wish.way is None:
            return self._traffic.front(self.endpoint)
        return self._traffic.back(self.endpoint, self.wish.pool, self.wish.way)

    def change(self, wish: Wish, patience: Patience) -> None:
        """Treat connections that come from now on as another configuration has it."""
        if wish != self.wish:
            self.wish = wish
            self._opened.owner = self.owner = self._make_owner()
        self.owner.expect()
        self._opened.patience = patience

    def close(self) -> None:
        """Let no more connections come; those that are there stay."""
        self._opened.close()

    # -- moving to another process -----------------------------------------------------------

    @property
    def descriptor(self) -> int | None:
        """The descriptor of what listens, None for a door that is dialled."""
        return self._opened.fileno() if isinstance(self._opened, Listener) else None

    def has_made(self, connection: Connection) -> bool:
        """Tell whether this is the connection that it dials for."""
        return isinstance(self._opened, Dialer) and self._opened.holds(connection)

    def go_on(self, socket: Socket, handed: Handed) -> Connection:
        """Take back the connection that it dialled for in the process of before."""
        assert isinstance(self._opened, Dialer)
        return self._opened.go_on(socket, handed)

    def stop(self) -> None:
        """Leave what listens as it is, for another process."""
        if isinstance(self._opened, Listener):
            self._opened.stop()
        else:
            self._opened.close()
