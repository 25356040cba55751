"""Where a socket is bound and connected, with ZeroMQ's quirks taken care of.

- `tcp://0:1234` means every interface, as on stock zerorpc's command line.
- IPv6 is switched on per endpoint: a socket that has it for all resolves `localhost` to `::1` and
  then never reaches a server on 127.0.0.1.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import zmq

from zerorpc.errors import EndpointError

if TYPE_CHECKING:
    from zerorpc.transport.pump import Pump

# What libzmq was built with beside these (pgm, tipc, vmci) nobody has asked for.
_TRANSPORTS = ("tcp", "ipc", "inproc")


class Endpoints:
    """The endpoints of one pump's socket; `bound` and `connected` list them as they really are."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self.bound: list[str] = []
        self.connected: list[str] = []
        self._is_ipv6: dict[str, bool] = {}

    @property
    def has_inproc(self) -> bool:
        """Whether one of them is within this process, where no connection is made or lost."""
        return any(each.startswith("inproc:") for each in self.bound + self.connected)

    def bind(self, endpoint: str) -> str:
        """Bind and return the endpoint with the port that was chosen."""
        chosen = self._apply("bind", endpoint)
        self.bound.append(chosen)
        return chosen

    def connect(self, endpoint: str) -> str:
        """Connect; succeeds whether or not anyone is there yet."""
        self._apply("connect", endpoint)
        self.connected.append(endpoint)
        return endpoint

    def disconnect(self, endpoint: str) -> str:
        """Undo `connect`, or `bind`, of the same endpoint."""
        # Stock's `disconnect` knows connections only; there is no reason for a second name.
        verb = "unbind" if endpoint in self.bound else "disconnect"
        self._apply(verb, endpoint)
        (self.bound if verb == "unbind" else self.connected).remove(endpoint)
        return endpoint

    def forget_connections(self) -> None:
        """Have ZeroMQ forget what it was to send on connections that broke, and leave them.

        It would keep that for the next connection, and a server would do what its caller was told
        is lost.
        """
        # Not by closing the socket: its descriptor and monitor stay, so nothing else need know.
        for endpoint in self.connected:
            self._call("disconnect", endpoint)

    def renew_connections(self) -> None:
        """Connect again what `forget_connections` left."""
        for endpoint in self.connected:
            self._call("connect", endpoint)

    def _apply(self, verb: str, endpoint: str) -> str:
        self._pump.check_usable()
        check(endpoint)
        # Before the lock is taken: where gevent has patched `socket`, asking DNS switches to the
        # hub, and the hub would wait for the lock without letting anyone give it back.
        self._is_ipv6[endpoint] = needs_ipv6(endpoint)
        self._pump.check_usable()  # others may have closed it meanwhile
        return self._call(verb, endpoint)

    def _call(self, verb: str, endpoint: str) -> str:
        # libzmq would look for an interface called "0".
        target = endpoint.replace("tcp://0:", "tcp://0.0.0.0:", 1)
        zmq_socket = self._pump.socket
        with self._pump.lock:
            try:
                zmq_socket.setsockopt(zmq.IPV6, int(self._is_ipv6.get(endpoint, False)))
                getattr(zmq_socket, verb)(target)
                if verb == "bind":
                    return _text(zmq_socket.getsockopt(zmq.LAST_ENDPOINT))
            except zmq.ZMQError as error:
                raise EndpointError(
                    f"cannot {verb} {endpoint}: {error}", error.errno or 0
                ) from error
        return endpoint


def _text(option: int | bytes) -> str:
    return option.rstrip(b"\0").decode() if isinstance(option, bytes) else str(option)


def check(endpoint: object) -> None:
    """Raise `EndpointError` for what cannot be an endpoint, saying what one looks like."""
    example = "an endpoint looks like tcp://127.0.0.1:4242, tcp://*:4242 or ipc:///tmp/socket"
    if not isinstance(endpoint, str):
        raise EndpointError(f"{endpoint!r} is not an endpoint: {example}", zmq.EINVAL)
    transport, separator, rest = endpoint.partition("://")
    if not separator or not rest:
        raise EndpointError(f"{endpoint!r} is not an endpoint: {example}", zmq.EINVAL)
    if transport not in _TRANSPORTS:
        known = ", ".join(_TRANSPORTS)
        raise EndpointError(
            f"{endpoint!r}: no transport {transport!r}; there are {known}", zmq.EINVAL
        )
    host, _, port = rest.rpartition(":")
    if transport == "tcp" and not (host and _is_port(port)):
        raise EndpointError(f"{endpoint!r} has no port up to 65535: {example}", zmq.EINVAL)


def _is_port(text: str) -> bool:
    """Tell whether `text` is a port: libzmq takes a number that is too large modulo 65536."""
    return text == "*" or (text.isascii() and text.isdigit() and int(text) <= 65535)


def needs_ipv6(endpoint: str) -> bool:
    """Tell whether an endpoint is an IPv6 literal, or a name that has IPv6 addresses only."""
    transport, _, rest = endpoint.partition("://")
    # libzmq takes `tcp://SOURCE;TARGET:PORT`, and what counts is where it goes.
    host = rest.rpartition(":")[0].rpartition(";")[2]
    if transport != "tcp":
        return False
    if host.startswith("["):
        return True
    # Addresses need no look-up, which may take seconds where a name server is ill.
    if host in ("*", "") or host.replace(".", "").isdigit():
        return False
    try:
        # Blocks this thread, as libzmq's own look-up blocks its I/O thread; once for each endpoint.
        found = {entry[0] for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False  # an interface name, or nothing: libzmq will tell
    return found == {socket.AF_INET6}
