"""What an endpoint says, as the operating system wants to hear it.

For sockets that this project opens itself: `tcp://` with names, IPv4 and IPv6, where `*` and `0`
mean every interface and any port, and `ipc://` with a path or, after an `@`, an abstract name.

It opens nothing; only `Address.resolve` asks the resolver, and may take as long as that does.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from zerorpc.errors import EndpointError

EXAMPLE = "an endpoint looks like tcp://127.0.0.1:4242, tcp://*:4242 or ipc:///tmp/socket"
# `sun_path` has 108 bytes, one of which ends it.
_LONGEST_PATH = 107

# What `socket.bind` and `socket.connect` take: (host, port), (host, port, flow, scope) or a path.
Target = tuple[str, int] | tuple[str, int, int, int] | str


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint taken apart; `path` is set for `ipc`, `host` and `port` for `tcp`."""

    endpoint: str
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def is_everywhere(self) -> bool:
        """Whether it means every interface: good for listening, of no use to connect to."""
        return not self.path and self.host in ("*", "0", "0.0.0.0", "::")

    def resolve(self) -> list[tuple[int, Target]]:
        """Return the family and target of each address that it stands for, IPv4 first.

        For `localhost` that is what most programs listen on and connect to. Raises `EndpointError`
        for a name that nothing resolves.
        """
        if self.path:
            return [(socket.AF_UNIX, "\0" + self.path[1:] if self.is_abstract else self.path)]
        host = "0.0.0.0" if self.host in ("*", "0") else self.host
        try:
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            reason = error.strerror or error
            raise EndpointError(f"{self.endpoint}: {self.host}: {reason}", 0) from error
        # A stable order otherwise: it is the resolver's own preference.
        found.sort(key=lambda each: each[0] != socket.AF_INET)
        return [(family, target) for family, _, _, _, target in found]  # type: ignore[misc]

    @property
    def is_abstract(self) -> bool:
        """Whether it names a unix socket that has no file."""
        return self.path.startswith("@")


def parse(endpoint: str) -> Address:
    """Take an endpoint apart; raises `EndpointError` that says what is wrong with it."""
    transport, separator, rest = endpoint.partition("://")
    if not separator or not rest:
        raise EndpointError(f"{endpoint!r} is not an endpoint: {EXAMPLE}")
    if transport == "ipc":
        return _parse_path(endpoint, rest)
    if transport != "tcp":
        raise EndpointError(f"{endpoint!r}: no transport {transport!r}; there are tcp and ipc")
    host, _, port = rest.rpartition(":")
    if not host or not _is_port(port):
        raise EndpointError(f"{endpoint!r} has no port up to 65535: {EXAMPLE}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise EndpointError(f"{endpoint!r}: an IPv6 address stands in brackets: tcp://[::1]:4242")
    return Address(endpoint, host=host, port=0 if port == "*" else int(port))


def _parse_path(endpoint: str, path: str) -> Address:
    if path == "*" or path == "@":
        raise EndpointError(f"{endpoint!r} names no file: {EXAMPLE}")
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise EndpointError(f"{endpoint!r}: the path of a socket has at most {_LONGEST_PATH} bytes")
    return Address(endpoint, path=path)


def _is_port(text: str) -> bool:
    return text == "*" or (text.isascii() and text.isdigit() and int(text) <= 65535)


def name_of(family: int, target: Target | bytes) -> str:
    r"""Return the endpoint of a bound or connected socket, as people write it.

    A unix socket may be bound to any bytes; what is no text of them is written as `\xff`.
    """
    if isinstance(target, str):
        target = target.encode("utf-8", "surrogateescape")
    if isinstance(target, bytes):
        path = target.decode("utf-8", "backslashreplace")
        return "ipc://" + (f"@{path[1:]}" if path.startswith("\0") else path)
    host, port = target[0], target[1]
    return f"tcp://[{host}]:{port}" if family == socket.AF_INET6 else f"tcp://{host}:{port}"
