"""What the three types of hub have in common for the proxy that drives one.

A `Traffic` makes the owners of connections: the front's, where clients, publishers or pushers
connect, and the back's, where workers, subscribers or pullers do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from zerorpc.connection import Connection, Owner
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.config import Hub, Way
from zerorpc_hub.relay import Relay


class Side(Owner, Protocol):
    """The owner of connections at an endpoint: `side` is "in" or "out", `pool` of workers."""

    side: str
    endpoint: str
    pool: str

    def expect(self) -> None:
        """List the endpoint in the statistics, though nobody has come yet."""

    def on_handed(self, connection: Connection) -> None:
        """Take note of a connection that was ready already in the process of before."""


class Traffic(ABC):
    """One hub's way of moving messages; `front_type` and `back_type` are its types of sockets."""

    front_type: str
    back_type: str

    def __init__(self) -> None:
        self.relay = Relay()

    @abstractmethod
    def front(self, endpoint: str) -> Side:
        """Return the owner of the connections that send at an endpoint of `in`."""

    @abstractmethod
    def back(self, endpoint: str, pool: str, way: Way) -> Side:
        """Return the owner of the connections that are sent to at an endpoint of `out`."""

    @property
    @abstractmethod
    def in_progress(self) -> int:
        """How much would be lost if it ended now."""

    @property
    @abstractmethod
    def backs(self) -> int:
        """How many peers there are at the back."""

    @property
    def refusals(self) -> int:
        """How many peers' messages were refused because this hub is draining."""
        return 0

    def drain(self) -> None:
        """Take nothing new, as far as peers can be told."""
        return

    def end(self) -> None:
        """Tell those concerned that nothing more will come."""
        return

    def revise(self, name: str, hub: Hub, ways: Mapping[str, tuple[str, Way]]) -> None:  # noqa: ARG002
        """Follow another configuration; `ways` has pool and way of each endpoint at the back."""
        return

    @abstractmethod
    def export(self, number: Callable[[Connection], int]) -> dict[str, Any]:
        """Return all that another process needs to go on, as plain data; connections by number."""

    @abstractmethod
    def restore(self, state: dict[str, Any], connections: Mapping[int, Connection]) -> None:
        """Go on where another process was; sends what that lets go."""

    @abstractmethod
    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""


def tell_refusal(log: EventLog, connection: Connection, endpoint: str, why: str) -> None:
    """Log that a connection ended before its peer had introduced itself."""
    # Who goes by himself is a health check or a scan: every second, and nobody's fault.
    say = log.debug if why in ("never_spoke", "reset") else log.warning
    say("connection refused", peer=connection.remote, endpoint=endpoint, why=why)


def short_name(connection: Connection) -> str:
    """Return a peer's name as people read it in a message: `10.0.0.1:4711`.

    Those of a unix socket have none of their own; the number of the descriptor tells them apart.
    """
    if connection.remote.startswith("tcp://"):
        return connection.remote.removeprefix("tcp://")
    # Without one, once it is closed.
    number = connection.fileno()
    return f"{connection.remote}#{number}" if number >= 0 else connection.remote
