"""The system's sockets: which they are, how they are set up, what they are called."""

from __future__ import annotations

import errno
import select
from socket import AF_UNIX, IPPROTO_TCP, MSG_PEEK, SO_KEEPALIVE, SOL_SOCKET, TCP_NODELAY
from typing import TYPE_CHECKING

from gevent import monkey

from zerorpc.connection.address import name_of

__all__ = ["Socket", "has_ended", "is_at_end", "prepare", "reason_of", "remote_name"]

if TYPE_CHECKING:
    from socket import socket as Socket  # noqa: N812 - a class, whatever its name
else:
    # The system's own, also where gevent has put its own in its place.
    Socket = monkey.get_original("socket", "socket")

_poll = monkey.get_original("select", "poll")
# Only Linux tells of it apart; elsewhere the end of a connection is a hang-up.
_HALF_CLOSED = getattr(select, "POLLRDHUP", 0)
_ENDED = _HALF_CLOSED | select.POLLHUP | select.POLLERR


def prepare(socket: Socket) -> None:
    """Set the options of a connected socket."""
    socket.setblocking(False)
    if socket.family != AF_UNIX:
        socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        # For peers of ZMTP 3.0, which know no PING.
        socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)


def remote_name(socket: Socket) -> str:
    """Return the endpoint at the other end."""
    try:
        target = socket.getpeername()
    except OSError:  # it is gone already, as the first read will tell
        return "unknown"
    # A client of a unix socket has no name of its own.
    return name_of(socket.family, target or socket.getsockname())


def is_at_end(socket: Socket) -> bool:
    """Tell whether all was read and no more will come; raises `OSError` where it broke."""
    try:
        return not socket.recv(1, MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False


def has_ended(socket: Socket) -> bool:
    """Tell whether the other side has closed, or it broke, whatever is left to read."""
    poll = _poll()
    poll.register(socket.fileno(), _HALF_CLOSED)
    return any(events & _ENDED for _, events in poll.poll(0))


def reason_of(error: OSError) -> str:
    """Return why a connection broke, as the key of a counter."""
    return "reset" if error.errno in (errno.ECONNRESET, errno.EPIPE) else "broken"
