"""Where a socket is bound and connected, with ZeroMQ's quirks taken care of.

- `tcp://0:1234` means every interface, as on stock zerorpc's command line.
- IPv6 is switched on per endpoint: a socket that has it for all resolves `localhost` to `::1` and
  then never reaches a server on 127.0.0.1.
- A host that does not exist is told at once: libzmq would look for it again and again in silence.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import zmq

from zerorpc.errors import EndpointError
from zerorpc.transport.lookup import addresses

if TYPE_CHECKING:
    from zerorpc.transport.pump import Pump

# What libzmq was built with beside these (pgm, tipc, vmci) nobody has asked for.
_TRANSPORTS = ("tcp", "ipc", "inproc")

# Who accepts a connection and says nothing is frozen; behind a proxy that balances connections the
# next attempt may reach another (milliseconds).
_HANDSHAKE_MS = 3000


class Endpoints:
    """The endpoints of one pump's socket; `bound` and `connected` list them as they really are."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self.bound: list[str] = []
        self.connected: list[str] = []
        # What libzmq is given for an endpoint: another text where it would misread ours, and
        # whether it is to be taken for IPv6.
        self._targets: dict[str, tuple[str, bool]] = {}
        self._chosen: dict[
            str, list[str]
        ] = {}  # what became of those that were bound under other names
        pump.socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE_MS)

    @property
    def has_inproc(self) -> bool:
        """Whether one of them is within this process, where no connection is made or lost."""
        return any(each.startswith("inproc:") for each in self.bound + self.connected)

    def bind(self, endpoint: str) -> str:
        """Bind and return the endpoint with the port that was chosen."""
        self._prepare("bind", endpoint)
        chosen = self._call("bind", endpoint)
        self.bound.append(chosen)
        self._chosen.setdefault(endpoint, []).append(chosen)
        return chosen

    def connect(self, endpoint: str) -> str:
        """Connect; succeeds whether or not anyone is there yet, if only the host exists."""
        self._prepare("connect", endpoint)
        self._call("connect", endpoint)
        self.connected.append(endpoint)
        return endpoint

    def find(self, endpoint: str) -> str | None:
        """Return an endpoint as it is in use, also where it was bound as `tcp://*:4242`."""
        in_use = self.bound + self.connected
        return next((e for e in (endpoint, *self._chosen.get(endpoint, ())) if e in in_use), None)

    def disconnect(self, endpoint: str) -> str:
        """Undo `connect`, or `bind`, of the same endpoint; returns it as it was in use."""
        self._pump.check_usable()
        check(endpoint)
        endpoint = self.find(endpoint) or endpoint
        # Stock's `disconnect` knows connections only; there is no reason for a second name.
        verb, places = "disconnect", self.connected
        if endpoint in self.bound:
            verb, places = "unbind", self.bound
        if endpoint not in places:
            in_use = ", ".join(self.bound + self.connected) or "nothing"
            raise EndpointError(f"cannot disconnect {endpoint}: in use is {in_use}", errno.ENOENT)
        self._call(verb, endpoint)
        places.remove(endpoint)
        for chosen in self._chosen.values():
            if endpoint in chosen:
                chosen.remove(endpoint)
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

    def _prepare(self, verb: str, endpoint: str) -> None:
        self._pump.check_usable()
        check(endpoint)
        if verb == "connect":
            _check_goal(endpoint)
        # Before the lock is taken: this may switch to the hub, and the hub would wait for the lock
        # without letting anyone give it back.
        self._targets[endpoint] = _target(verb, endpoint)
        self._pump.check_usable()  # others may have closed it meanwhile

    def _call(self, verb: str, endpoint: str) -> str:
        target, is_ipv6 = self._targets.get(endpoint, (endpoint, False))
        zmq_socket = self._pump.socket
        with self._pump.lock:
            try:
                zmq_socket.setsockopt(zmq.IPV6, int(is_ipv6))
                getattr(zmq_socket, verb)(target)
                if verb == "bind":
                    return _text(zmq_socket.getsockopt(zmq.LAST_ENDPOINT))
            except zmq.ZMQError as error:
                # Not the error's own text, in which pyzmq repeats the endpoint.
                reason = zmq.strerror(error.errno or 0)
                raise EndpointError(
                    f"cannot {verb} {endpoint}: {reason}", error.errno or 0
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
    goal = host.rpartition(";")[2]
    if transport == "tcp" and goal.startswith("[") != goal.endswith("]"):
        raise EndpointError(f"{endpoint!r} has half a pair of brackets: {example}", zmq.EINVAL)


def _check_goal(endpoint: str) -> None:
    """Raise `EndpointError` for what can only be bound: every interface, or any free port."""
    transport, _, rest = endpoint.partition("://")
    host, _, port = rest.rpartition(";")[2].rpartition(":")
    if transport != "tcp" or (host not in ("*", "[*]") and port not in ("*", "0")):
        return
    goal = f"tcp://{'127.0.0.1' if '*' in host else host}:{'4242' if port in ('*', '0') else port}"
    raise EndpointError(
        f"cannot connect to {endpoint!r}: name one host and its port, such as {goal}", zmq.EINVAL
    )


def _is_port(text: str) -> bool:
    """Tell whether `text` is a port: libzmq takes a number that is too large modulo 65536."""
    return text == "*" or (text.isascii() and text.isdigit() and int(text) <= 65535)


def _target(verb: str, endpoint: str) -> tuple[str, bool]:
    """Return what libzmq is to be given for an endpoint, and whether as IPv6.

    Raises `EndpointError` for a host that does not exist. One that nobody can be asked about just
    now passes: libzmq goes on trying to connect, and `bind` fails there.
    """
    transport, _, rest = endpoint.partition("://")
    # libzmq takes `tcp://SOURCE;TARGET:PORT`, and what counts is where it goes.
    host, _, port = rest.rpartition(";")[2].rpartition(":")
    if transport != "tcp" or host in ("*", "[*]"):
        return endpoint, host == "[*]"
    if host == "0":  # libzmq would look for an interface of that name
        return endpoint.replace("//0:", "//0.0.0.0:", 1), False
    if verb == "bind" and host in (name for _, name in socket.if_nameindex()):
        return endpoint, False
    found = addresses(host.strip("[]"))
    if found == []:
        raise EndpointError(f"cannot {verb} {endpoint}: no host {host!r} is known", errno.ENODEV)
    address = found[0] if found else host
    is_ipv6 = ":" in address
    if verb == "connect" or not found or host.startswith("["):
        return endpoint, is_ipv6  # by its name, as it may have moved when the connection is renewed
    # libzmq would ask again, and hold up the loop meanwhile.
    return f"tcp://[{address}]:{port}" if is_ipv6 else f"tcp://{address}:{port}", is_ipv6
