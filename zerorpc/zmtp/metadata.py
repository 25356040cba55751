"""What the two ends of a connection tell each other about themselves, and whether they fit.

Sans-IO. Where it is written (RFC 37, and RFC 23 alike):

- Rule 1, "The NULL Security Mechanism": a property is a name of 1 to 255 bytes and a value whose
  size stands before it in four bytes.
- Rule 2, "Connection Metadata": names are compared without case.
- Rule 3, "The Socket-Type Property": the table of what may face what.
- Rule 4, "The Identity Property": only sockets that a ROUTER may have to address have one; it has
  at most 255 bytes and does not begin with a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zerorpc.zmtp.frame import ZmtpError, printable

_MOST_IDENTITY = 255
# They are kept, and one may have as few as six bytes; libzmq sends two and what it was told to.
_MOST_PROPERTIES = 32

# What may face what. The thread-safe types of RFC 37 are drafts that no stable libzmq speaks.
_SUBSCRIBERS = frozenset(("SUB", "XSUB"))
_PUBLISHERS = frozenset(("PUB", "XPUB"))
FACING: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "REQ": frozenset(("REP", "ROUTER")),
        "REP": frozenset(("REQ", "DEALER")),
        "DEALER": frozenset(("REP", "DEALER", "ROUTER")),
        "ROUTER": frozenset(("REQ", "DEALER", "ROUTER")),
        "PUB": _SUBSCRIBERS,
        "XPUB": _SUBSCRIBERS,
        "SUB": _PUBLISHERS,
        "XSUB": _PUBLISHERS,
        "PUSH": frozenset(("PULL",)),
        "PULL": frozenset(("PUSH",)),
        "PAIR": frozenset(("PAIR",)),
    }
)
# What others send as identity means nothing.
_IDENTIFIED = frozenset(("REQ", "DEALER", "ROUTER"))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, by its own account; `properties` has names in lower case.

    `properties` is not to be changed.
    """

    socket_type: str
    identity: bytes
    version: tuple[int, int]
    properties: Mapping[str, bytes]


def own_metadata(socket_type: str, identity: bytes) -> bytes:
    """Return what we tell of ourselves."""
    properties = {"Socket-Type": socket_type.encode()}
    if socket_type in _IDENTIFIED:
        properties["Identity"] = identity
    return b"".join(
        b"%c%b%b%b" % (len(name), name.encode(), len(value).to_bytes(4, "big"), value)
        for name, value in properties.items()
    )


def read_metadata(body: bytes) -> dict[str, bytes]:
    """Return properties by their names in lower case; raises `ZmtpError`."""
    properties: dict[str, bytes] = {}
    at = 0
    while at < len(body):
        start = at + 1 + body[at]
        name = body[at + 1 : start]
        at = start + 4 + int.from_bytes(body[start : start + 4], "big")
        if not name or at > len(body) or start + 4 > len(body):
            raise ZmtpError("ready", "a property is cut off or has no name")
        key = printable(name).lower()
        if key in properties:
            raise ZmtpError("ready", f"the property {key} comes twice")
        if len(properties) == _MOST_PROPERTIES:
            raise ZmtpError("ready", f"more than {_MOST_PROPERTIES} properties")
        properties[key] = body[start + 4 : at]
    return properties


def introduced(metadata: bytes, version: tuple[int, int], socket_type: str) -> Peer:
    """Return the peer that its metadata describes; raises `ZmtpError` where it does not fit us."""
    properties = read_metadata(metadata)
    theirs = printable(properties.get("socket-type", b""))
    if theirs not in FACING[socket_type]:
        raise ZmtpError("socket_type", f"{theirs or 'no type at all'} cannot face {socket_type}")
    identity = properties.get("identity", b"") if theirs in _IDENTIFIED else b""
    if len(identity) > _MOST_IDENTITY or identity[:1] == b"\0":
        raise ZmtpError("identity", "an identity over 255 bytes, or one that begins with a zero")
    return Peer(theirs, identity, version, properties)
