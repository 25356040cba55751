"""A connection that this side makes, and makes again whenever it breaks.

It hands each to its owner, and knows nothing of what is said on it.
"""

from __future__ import annotations

import logging
import random
from typing import Any

import gevent
import gevent.socket

from zerorpc.connection.address import Target, parse
from zerorpc.connection.link import Connection, Owner
from zerorpc.connection.listener import SessionMaker
from zerorpc.connection.switchboard import Switchboard
from zerorpc.connection.system import Socket
from zerorpc.connection.terms import Handed, Patience
from zerorpc.errors import EndpointError

_log = logging.getLogger("zerorpc.connection")

# One that is refused tries again after so long, then less and less often.
_RETRY_S = 0.1
_RETRY_MAX_S = 2.0
_DIAL_TIMEOUT_S = 5.0


class Dialer:
    """A connection to one endpoint, made again whenever it breaks.

    A greenlet works only while a connection is being made. `owner` and `patience` may be set anew,
    for the next one.
    """

    def __init__(
        self,
        board: Switchboard,
        owner: Owner,
        endpoint: str,
        make_session: SessionMaker,
        patience: Patience,
    ) -> None:
        self.endpoint = endpoint
        self._address = parse(endpoint)
        if self._address.is_everywhere or not (self._address.path or self._address.port):
            raise EndpointError(f"{endpoint!r} names no one to connect to")
        self._board, self.owner, self._make_session = board, owner, make_session
        self.patience = patience
        self._wait = _RETRY_S
        self._connection: Connection | None = None
        self._is_closed = False
        self._told = ""  # why the last attempt found nobody to connect to
        self._greenlet: gevent.Greenlet[..., Any] = gevent.spawn(self._dial)

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and self._connection.is_open

    def close(self) -> None:
        """Make no more connections; one that is open stays so."""
        self._is_closed = True
        self._greenlet.kill(block=False)

    def _dial(self) -> None:
        try:
            socket = self._try_all()
        except OSError:
            # Descriptors have run out, say. Whatever it is: nobody but this greenlet tries again.
            socket = None
        if socket is None:
            self._try_later()
            return
        self._hold(Connection(self._board, self.owner, socket, self._make_session(), self.patience))

    def go_on(self, socket: Socket, handed: Handed) -> Connection:
        """Go on with a connection that the process of before has made, instead of making one."""
        self._greenlet.kill(block=False)
        session = self._make_session()
        connection = Connection(self._board, self.owner, socket, session, self.patience, handed)
        self._hold(connection)
        return connection

    def holds(self, connection: Connection) -> bool:
        """Tell whether this is the connection that it has made."""
        return self._connection is connection

    def _hold(self, connection: Connection) -> None:
        self._connection = connection
        connection.when_gone = self._try_later

    def _try_later(self) -> None:
        if self._is_closed:
            return
        # Long connections are worth a quick attempt; what closes at once again is not.
        if self._connection is not None and self._connection.was_ready:
            self._wait = _RETRY_S
        self._connection = None
        # Spread, or all that lost the same peer would come back in the same instant.
        self._greenlet = gevent.spawn_later(self._wait * random.uniform(0.5, 1), self._dial)
        self._wait = min(2 * self._wait, _RETRY_MAX_S)

    def _try_all(self) -> Socket | None:
        # In a thread, since a name server that is ill would hold up everyone.
        found = gevent.get_hub().threadpool.apply(self._resolved)
        told = str(found) if isinstance(found, EndpointError) else ""
        # Once, and not with each attempt.
        if told and told != self._told:
            _log.warning("%s", told)
        self._told = told
        for family, target in [] if isinstance(found, EndpointError) else found:
            if (socket := _connect(family, target)) is not None:
                return socket
        return None

    def _resolved(self) -> list[tuple[int, Target]] | EndpointError:
        # Returned, as gevent would print the traceback of whatever is raised in its thread.
        try:
            return self._address.resolve()
        except EndpointError as error:
            return error


def _connect(family: int, target: Target) -> Socket | None:
    # gevent's own only while it connects: afterwards watchers serve the bare descriptor.
    socket = gevent.socket.socket(family)
    socket.settimeout(_DIAL_TIMEOUT_S)
    try:
        socket.connect(target)
    except OSError:
        socket.close()
        return None
    return Socket(fileno=socket.detach())
