"""What the three types of hub have in common for the proxy that drives one.

A `Traffic` makes the owners of connections: the front's, where clients, publishers or pushers
connect, and the back's, where workers, subscribers or pullers do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from zerorpc.connection import Connection, Owner
from zerorpc_hub.config import Way
from zerorpc_hub.relay import Relay


class Traffic(ABC):
    """One hub's way of moving messages; `front_type` and `back_type` are its types of sockets."""

    front_type: str
    back_type: str

    def __init__(self) -> None:
        self.relay = Relay()

    @abstractmethod
    def front(self, endpoint: str) -> Owner:
        """Return the owner of the connections that send at an endpoint of `in`."""

    @abstractmethod
    def back(self, endpoint: str, pool: str, way: Way) -> Owner:
        """Return the owner of the connections that are sent to at an endpoint of `out`."""

    @property
    @abstractmethod
    def in_progress(self) -> int:
        """How much would be lost if it ended now."""

    @property
    @abstractmethod
    def backs(self) -> int:
        """How many peers there are at the back."""

    def drain(self) -> None:
        """Take nothing new, as far as peers can be told."""
        return

    def end(self) -> None:
        """Tell those concerned that nothing more will come."""
        return

    @abstractmethod
    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""


def short_name(connection: Connection) -> str:
    """Return a peer's name as people read it in a message: `10.0.0.1:4711`.

    Those of a unix socket have none of their own; the number of the descriptor tells them apart.
    """
    if connection.remote.startswith("tcp://"):
        return connection.remote.removeprefix("tcp://")
    return f"{connection.remote}#{connection.fileno()}"
