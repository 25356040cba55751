"""Whether two endpoints are the same place, as far as that can be told from what they say.

Sans-IO: no resolver is asked, so that of names only `localhost` is known for what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from zerorpc.connection.address import parse

Interface: TypeAlias = IPv4Address | IPv6Address | str


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an endpoint is: a port or a path, and for ports an address or a name."""

    at: int | str
    host: Interface = ""

    @property
    def is_any_port(self) -> bool:
        """Whether the system chooses the port, another one each time."""
        return self.at == 0

    def overlaps(self, other: Spot) -> bool:
        """Tell whether nobody can listen at both."""
        if self.at != other.at or self.is_any_port:
            return False
        return self.host == other.host or self._covers(other) or other._covers(self)

    def _covers(self, other: Spot) -> bool:
        if isinstance(self.host, str) or not self.host.is_unspecified:
            return False
        # That of IPv6 is every interface of IPv4, too. A name may stand for either.
        return self.host.version == 6 or isinstance(other.host, IPv4Address)


def spot(endpoint: str) -> Spot:
    """Return where an endpoint is."""
    address = parse(endpoint)
    if address.path:
        return Spot(address.path)
    return Spot(address.port, _interface(address.host))


def _interface(host: str) -> Interface:
    known = {"*": "0.0.0.0", "0": "0.0.0.0", "localhost": "127.0.0.1"}.get(host.lower(), host)
    try:
        found = ip_address(known)
    except ValueError:
        return host.lower()
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
