"""Who is there at a hub that has no calls: publishers, pushers and those who hear them.

It must not know what they say.
"""

from __future__ import annotations

from typing import Any

from zerorpc.connection import Connection


class There:
    """Which connections are there, by endpoint."""

    # Publishers and pushers have no object of their own, so that somebody has to know them.

    def __init__(self) -> None:
        self._peers: dict[str, tuple[str, set[Connection]]] = {}

    def at(self, endpoint: str, side: str) -> set[Connection]:
        """Return those at an endpoint, to which others are added; lists it from then on."""
        return self._peers.setdefault(endpoint, (side, set()))[1]

    def count(self, side: str) -> int:
        """Return how many there are at a side."""
        return sum(len(peers) for at, peers in self._peers.values() if at == side)

    def plain(self) -> dict[str, Any]:
        """Return their number by endpoint."""
        return {
            endpoint: {"side": side, "peers": len(peers)}
            for endpoint, (side, peers) in self._peers.items()
        }
