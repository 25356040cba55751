"""A bound socket that accepts connections, within the bounds of how many there may be.

It hands each new connection to its owner, and knows nothing of what is said on it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from socket import AF_INET6, AF_UNIX, IPPROTO_IPV6, IPV6_V6ONLY, SO_REUSEADDR, SOL_SOCKET
from typing import Any

from zerorpc.connection.address import Address, name_of, parse
from zerorpc.connection.link import Connection, Owner
from zerorpc.connection.switchboard import Switchboard
from zerorpc.connection.system import Socket
from zerorpc.connection.terms import Handed, Patience
from zerorpc.errors import EndpointError
from zerorpc.zmtp import Session

# Connections accepted before others get their turn.
_BATCH = 64
# The kernel keeps this many that nobody has accepted yet, or fewer where it is told so.
_QUEUE = 4096
# Where descriptors have run out, an attempt each turn of the loop would keep a core busy.
_REST_S = 0.25
_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

SessionMaker = Callable[[], Session]


class Doorkeeper:
    """How many connections may be open, together and from one IP address; counts refusals.

    One for all listeners of a process, which share its descriptors.
    """

    def __init__(self, most: int, most_per_ip: int) -> None:
        self.most, self.most_per_ip = most, most_per_ip
        self.open = 0
        self.refused: Counter[str] = Counter()
        self._per_ip: Counter[str] = Counter()

    def admit(self, ip: str) -> str | None:
        """Count a connection in; returns why not, where it may not come in."""
        reason = None
        if self.open >= self.most:
            reason = "connections"
        # Those of unix sockets have no address, and are of this machine.
        elif ip and self._per_ip[ip] >= self.most_per_ip:
            reason = "connections_per_ip"
        if reason is not None:
            self.refused[reason] += 1
            return reason
        self.take_over(ip)
        return None

    def take_over(self, ip: str) -> None:
        """Count in a connection that was let in already, by the process of before."""
        self.open += 1
        self._per_ip[ip] += 1

    def release(self, ip: str) -> None:
        """Count a connection out."""
        self.open -= 1
        self._per_ip[ip] -= 1
        if not self._per_ip[ip]:
            del self._per_ip[ip]


class Listener:
    """Accepts on a bound socket, which `listen` makes and this object owns from now on.

    `owner` and `patience` may be set anew, for the connections that come from then on.
    """

    def __init__(
        self,
        board: Switchboard,
        owner: Owner,
        socket: Socket,
        make_session: SessionMaker,
        patience: Patience,
        doorkeeper: Doorkeeper,
    ) -> None:
        self._board, self.owner, self._make_session = board, owner, make_session
        self.patience = patience
        self._doorkeeper = doorkeeper
        self._socket = socket
        self.endpoint = endpoint_of(socket)
        self._watcher = board.loop.io(self._socket.fileno(), 1)
        self._rest = board.loop.timer(0, _REST_S)
        self._watcher.start(self._accept)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Accept no more; connections that are open stay so."""
        if self._socket.fileno() < 0:
            return
        self.stop()
        target = self._socket.getsockname()
        self._socket.close()
        if self._socket.family == AF_UNIX and target and isinstance(target, str):
            _unlink(target)

    def stop(self) -> None:
        """Leave the socket alone, open as it is: another program goes on with it."""
        for watcher in (self._watcher, self._rest):
            watcher.stop()
            watcher.close()

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                socket, source = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno == errno.ECONNABORTED:
                    continue  # that one has gone already
                self._doorkeeper.refused[_why_not(error)] += 1
                self._take_a_rest()
                return
            self._welcome(socket, source)

    def _take_a_rest(self) -> None:
        self._watcher.stop()
        self._rest.again(self._go_on)

    def _go_on(self) -> None:
        self._rest.stop()
        self._watcher.start(self._accept)

    def _welcome(self, socket: Socket, source: Any) -> None:
        ip = _ip_of(source)
        if self._doorkeeper.admit(ip) is not None:
            socket.close()
            return
        connection = Connection(
            self._board, self.owner, socket, self._make_session(), self.patience
        )
        connection.when_gone = lambda: self._doorkeeper.release(ip)


def let_in(
    board: Switchboard,
    owner: Owner,
    socket: Socket,
    session: Session,
    patience: Patience,
    doorkeeper: Doorkeeper,
    handed: Handed,
) -> Connection:
    """Go on with a connection that the process of before has accepted, wherever that was."""
    connection = Connection(board, owner, socket, session, patience, handed)
    try:
        ip = _ip_of(socket.getpeername())
    except OSError:  # it is gone already, as the first read will tell
        ip = ""
    doorkeeper.take_over(ip)
    connection.when_gone = lambda: doorkeeper.release(ip)
    return connection


def _ip_of(source: Any) -> str:
    return str(source[0]) if isinstance(source, tuple) else ""


def _why_not(error: OSError) -> str:
    return "descriptors" if error.errno in _SHORTAGE else "accept_failed"


def endpoint_of(socket: Socket) -> str:
    """Return where a socket is bound, with the port that the system chose."""
    return name_of(socket.family, socket.getsockname())


def listen(endpoint: str) -> Socket:
    """Return a bound socket that listens; raises `EndpointError` that says why there is none."""
    address = parse(endpoint)
    family, target = address.resolve()[0]
    socket = Socket(family)
    try:
        socket.setblocking(False)
        if family == AF_UNIX:
            _remove_stale(address)
        else:
            # Or a restart would have to wait until the connections of before are forgotten.
            socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        if family == AF_INET6:
            # As libzmq does: `tcp://[::]:4242` is for everyone.
            socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 0)
        socket.bind(target)
        socket.listen(_QUEUE)
    except OSError as error:
        socket.close()
        raise EndpointError(
            f"cannot bind {address.endpoint}: {_explain(error)}", error.errno or 0
        ) from error
    return socket


def _explain(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program listens there already"
    if error.errno == errno.EACCES:
        return "permission denied"
    return error.strerror or str(error)


def _remove_stale(address: Address) -> None:
    """Remove the file that a program left which listened there and ended without removing it."""
    if address.is_abstract:
        return
    try:
        is_socket = stat.S_ISSOCK(os.stat(address.path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise OSError(errno.EEXIST, f"{address.path} is there and is no socket")
    probe = Socket(AF_UNIX)
    probe.setblocking(False)
    try:
        # Whoever listens there may not be accepting: it is in use all the same.
        with suppress(BlockingIOError):
            probe.connect(address.path)
    except ConnectionRefusedError:
        os.unlink(address.path)
    else:
        raise OSError(errno.EADDRINUSE, "in use")
    finally:
        probe.close()


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # somebody else has tidied up
