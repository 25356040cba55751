"""One ZMTP connection on gevent's watchers: no greenlet, and no timer of its own.

Rules:

1. Reading is one `recv` of bounded size per turn and connection, so none starves the others.
2. What the kernel does not take waits in the connection. Beyond `full_bytes` it `is_full`, and the
   owner should `pause` whoever sends to it until `on_drained`; beyond `most_bytes`, or when it does
   not move for `stalled` seconds while it is full, it is closed.
3. A peer is dead when it is silent for `dead_after` seconds though it was pinged. Not judged so is
   one whose own queue may be full: libzmq then stops reading, and answers no PING. Nor is anyone
   judged when this process has stood still: what has come meanwhile is read first.
4. One that is paused is not judged by its silence. That its peer has gone is noticed once nothing
   of it is left to read, unless its owner `is_holding` something.
5. `on_closed` is the last that an owner hears of a connection, and comes once.

It must not know what a message means, nor which connection belongs to which other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from socket import SHUT_WR
from typing import Any, Protocol

import gevent

from zerorpc.connection.outbox import Outbox, joined, starts
from zerorpc.connection.switchboard import Switchboard
from zerorpc.connection.system import Socket, has_ended, is_at_end, prepare, reason_of, remote_name
from zerorpc.connection.terms import Handed, Patience
from zerorpc.zmtp import Frame, Message, Session, Snapshot, ZmtpError, encode

# Read at most this at once: below glibc's threshold for mapping memory, and the others wait for
# no longer than its handling takes.
_READ_BYTES = 65536
# While a large frame comes in.
_READ_LARGE_BYTES = 1 << 18
# Stock's receive queue holds 1000 messages, and nobody reads the next PING once it is full.
_STUFFED = 900
_STUFFED_FACTOR = 20
# Of the time from the first PING to the verdict whoever was asked late has this share.
_LEAST_TO_ANSWER = 0.5
# A full connection is drained when so much of the bound is left: enough to keep the peer busy
# while others are told.
_LOW = 4


class Owner(Protocol):
    """Whoever is told what happens to connections; called in the loop, and must not block."""

    def on_ready(self, connection: Connection) -> None:
        """Take note of a peer whose handshake is over; `connection.peer` tells who it is."""

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        """Handle what one read has brought."""

    def on_full(self, connection: Connection) -> None:
        """Send less to a connection whose peer does not keep up."""

    def on_drained(self, connection: Connection) -> None:
        """Go on sending to a connection that was full."""

    def on_closed(self, connection: Connection, reason: str) -> None:
        """Forget a connection; `reason` is short, and good as the key of a counter."""


class Connection:
    """One peer at the other end of a socket, which this object owns from now on.

    `session` speaks ZMTP for it; `remote` names the other end. `tag` is the owner's to set, until
    the end; `when_gone` that of whoever made it: called last, when the descriptor is free again.

    With `handed` it goes on where another process was: `go_on` is to be called then, when its owner
    knows it again. Raises `ZmtpError` where the bounds of `session` are narrower.
    """

    __slots__ = (
        "_asked",
        "_board",
        "_ending",
        "_is_heard",
        "_is_moving",
        "_is_writing",
        "_out",
        "_patience",
        "_pauses",
        "_reader",
        "_recv",
        "_socket",
        "_until",
        "_writer",
        "backlog",
        "count_unread",
        "is_full",
        "is_holding",
        "is_open",
        "last_heard",
        "last_moved",
        "owner",
        "remote",
        "session",
        "tag",
        "unheard",
        "was_ready",
        "when_gone",
    )

    def __init__(
        self,
        board: Switchboard,
        owner: Owner,
        socket: Socket,
        session: Session,
        patience: Patience,
        handed: Handed | None = None,
    ) -> None:
        prepare(socket)
        self._board, self.owner, self._socket, self.session = board, owner, socket, session
        self._patience = patience
        self.remote = remote_name(socket)
        self.tag: Any = None
        self.when_gone: Callable[[], object] = _nothing
        self._recv = socket.recv
        self._out: list[Frame] = []
        self.backlog = Outbox()
        self._is_writing = self._is_moving = False
        self.unheard = 0  # messages sent since the peer was last heard
        self.count_unread: Callable[[], int] = _none  # the owner's to set: what may be unread
        if handed is not None:
            session.restore(handed.session)
            self.backlog.put(handed.unsent, handed.begins)
            self.unheard = handed.unheard
        self._pauses = 0
        self.is_holding = False  # the owner's to set: it is to go on with what the peer has said
        self.is_open, self._is_heard = True, False
        self.is_full = handed is not None and handed.is_full
        self._ending = ""  # why, once it is finishing
        self.was_ready = session.peer is not None
        self.last_heard = self.last_moved = time.monotonic()
        self._asked: float | None = None  # when it was first pinged, since it was last heard
        self._until = None if self.was_ready else self.last_heard + patience.handshake
        self._reader = board.loop.io(socket.fileno(), 1)
        self._writer = board.loop.io(socket.fileno(), 2)
        self._reader.start(self._read)
        board.connections.add(self)
        if handed is None and not self.was_ready:
            self.command(session.begin())

    def __repr__(self) -> str:
        return f"<Connection {self.remote}>"

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    # -- sending -----------------------------------------------------------------------------

    def send(self, frames: Sequence[Frame]) -> None:
        """Queue one message; it goes out at the end of this turn of the loop."""
        if not self._out:
            self._board.flush_later(self)
        self._out += encode(frames)
        self.unheard += 1

    def command(self, data: bytes) -> None:
        """Queue a command, or what comes before them: all that is no message."""
        if not self._out:
            self._board.flush_later(self)
        self._out += (data, b"")

    def flush(self) -> None:
        """Hand to the kernel what it takes of what was queued."""
        if not self.is_open:
            return
        sent = 0
        # The usual case: nothing waits, and all of it fits.
        if not self.backlog and (data := joined(self._out)) is not None:
            offered = self._offer([data])
            if offered is None:
                return  # and `_out` still tells what was not sent
            if offered == len(data):
                self._out = []
                return
            sent = offered
        out, self._out = self._out, []
        self.backlog.add(out)
        self.backlog.take(sent)
        self._send_backlog()

    def _send_backlog(self) -> None:
        backlog = self.backlog
        while backlog:
            offered = backlog.offer()
            sent = self._offer(offered)
            if sent is None:
                return
            backlog.take(sent)
            self._is_moving = True
            if sent < sum(map(len, offered)):
                break
        self._after_backlog()

    def _after_backlog(self) -> None:
        """Have the rest sent when there is room, and tell the owner of what has changed."""
        left, full_bytes = self.backlog.size, self._patience.full_bytes
        if left and not self._is_writing:
            self._writer.start(self._send_backlog)
        elif self._is_writing and not left:
            self._writer.stop()
        self._is_writing = left > 0
        if left > self._patience.most_bytes:
            self.close("slow_reader")
        elif self._ending:
            if not left:
                self._shut()
        elif left > full_bytes and not self.is_full:
            self.is_full, self._is_moving = True, True
            self.owner.on_full(self)
        elif self.is_full and left <= full_bytes // _LOW:
            self.is_full = False
            self.owner.on_drained(self)

    def _offer(self, pieces: Sequence[Frame]) -> int | None:
        """Return how many bytes the kernel took; closes what has broken, and returns None."""
        try:
            # One alone is quicker by `send`.
            if len(pieces) == 1:
                return self._socket.send(pieces[0])
            return self._socket.sendmsg(pieces)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self.close(reason_of(error))
            return None

    # -- receiving ---------------------------------------------------------------------------

    def _read(self) -> None:
        # A large frame comes in larger pieces: each costs a turn of the loop.
        most = _READ_BYTES if self.session.missing < _READ_BYTES else _READ_LARGE_BYTES
        try:
            data = self._recv(most)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.close(reason_of(error))
            return
        if not data:
            self.close("closed" if self.was_ready else "never_spoke")
        elif not self._ending:
            self.unheard, self._is_heard = 0, True
            try:
                self._handle(data)
            except Exception:
                # The watcher of a callback that raises is stopped: nobody would read here again,
                # and nobody would know.
                gevent.get_hub().handle_error(self, *sys.exc_info())
                self.close("internal_error")

    def _handle(self, data: bytes) -> None:
        session, broken = self.session, ""
        try:
            messages = session.receive(data)
        except ZmtpError as raised:
            # Not the error itself: it would know this frame, and so the connection never go.
            messages, broken = raised.messages, raised.reason
        if answers := session.take_output():
            self.command(answers)
        if not self.was_ready and session.peer is not None:
            self.was_ready, self._until = True, None
            self.owner.on_ready(self)
        if messages and self.is_open:
            self.owner.on_messages(self, messages)
        if broken:
            self.finish(broken)

    def pause(self) -> None:
        """Read no more until as many `resume` have come; the peer then meets its own limits."""
        self._pauses += 1
        self._reader.stop()

    def resume(self) -> None:
        """Take back one `pause`."""
        self._pauses -= 1
        if not self._pauses and self.is_open:
            self._is_heard = True
            self._reader.start(self._read)

    # -- the end -----------------------------------------------------------------------------

    def check(self, now: float, *, is_fair: bool) -> None:
        """Look after deadlines; nobody is judged by a time in which this process stood still."""
        if self._is_heard:
            self.last_heard, self._is_heard, self._asked = now, False, None
        if self._is_moving or not is_fair:
            self.last_moved, self._is_moving = now, False
        if self._until is not None:
            if is_fair and now >= self._until:
                self.close(self._ending or "handshake_timeout")
            return
        patience = self._patience
        if self.is_full and patience.stalled is not None:
            if now - self.last_moved >= patience.stalled:
                self.close("slow_reader")
            return
        if self._pauses:
            self._look_for_end()
        elif self._understands_ping:
            self._judge(now - self.last_heard, now, is_fair=is_fair)

    def _look_for_end(self) -> None:
        """Close what is not read where there is nothing to read, now or ever."""
        if self.is_holding:
            return
        try:
            if is_at_end(self._socket):
                self.close("closed")
        except OSError as error:
            self.close(reason_of(error))

    @property
    def has_ended(self) -> bool:
        """Whether the peer will say no more, though some of it may not be read yet."""
        return not self.is_open or has_ended(self._socket)

    def _judge(self, silence: float, now: float, *, is_fair: bool) -> None:
        """Ping a peer that is silent, and close where that has been in vain."""
        patience = self._patience
        if silence < patience.ping_after:
            return
        # What a full queue of the peer's holds up is no answer, but may be no death either.
        is_full = self.backlog or max(self.unheard, self.count_unread()) > _STUFFED
        factor = _STUFFED_FACTOR if is_full else 1
        if self._asked is None or not is_fair:
            self._asked = now
        answer_s = (patience.dead_after - patience.ping_after) * _LEAST_TO_ANSWER
        if silence >= patience.dead_after * factor and now - self._asked >= answer_s:
            self.close("silent")
        elif not self.backlog:
            self.command(self.session.ping())

    @property
    def _understands_ping(self) -> bool:
        return self.session.peer is not None and self.session.peer.version >= (3, 1)

    def finish(self, reason: str) -> None:
        """Read no more messages, send what is queued, and then close.

        Closing at once would lose it: the system resets a connection on which something was not
        read, and what was on its way to the peer is gone with it.
        """
        if not self.is_open or self._ending:
            return
        self._ending = reason
        self._until = time.monotonic() + self._patience.farewell
        if self._pauses:  # the peer's end of the stream is to be seen
            self._reader.start(self._read)
        self._board.left_bytes += self.session.forget()
        self._tell_end(reason)
        self.flush()
        if not self.backlog:
            self._shut()

    def _shut(self) -> None:
        """Tell the peer that no more will come; its own end of the stream will follow."""
        if not self.is_open:
            return
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError as error:
            self.close(reason_of(error))

    def close(self, reason: str) -> None:
        """End the connection now, whatever is queued."""
        if not self.is_open:
            return
        self.is_open = self.is_full = False
        self.detach()
        self._socket.close()
        self._board.closed[self._ending or reason] += 1
        if not self._ending:
            self._tell_end(reason)
        self._board.left_bytes += self.backlog.size + self.session.forget()
        self.when_gone()
        # They know this connection in turn, and what it holds would stay until cycles are looked
        # for: a daemon that makes few objects hardly ever does.
        self.tag, self.count_unread, self.when_gone = None, _none, _nothing

    def _tell_end(self, reason: str) -> None:
        try:
            self.owner.on_closed(self, reason)
        except Exception:  # whoever made the connection waits for its end all the same
            gevent.get_hub().handle_error(self, *sys.exc_info())

    # -- moving to another process -----------------------------------------------------------

    @property
    def is_ending(self) -> bool:
        """Whether its owner has heard the last of it, and only a farewell is on its way."""
        return bool(self._ending)

    def export(self) -> Handed:
        """Return all that another process needs to go on, beside the socket; flush it before."""
        begins = tuple(self.backlog.begins())
        return Handed(self.session.export(), self.unsent(), begins, self.unheard, self.is_full)

    def go_on(self) -> None:
        """Send what was handed over, and tell the owner if that is too much."""
        if answers := self.session.take_output():
            self.command(answers)
        self._send_backlog()

    def detach(self) -> None:
        """Leave the socket alone, open as it is: another program goes on with it."""
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        self._board.connections.discard(self)

    @property
    def unsent_messages(self) -> int:
        """How many of the last messages did not leave, not even in part; right to the very end."""
        return self.backlog.whole + sum(1 for _ in starts(self._out))

    def take_back(self) -> list[Message]:
        """Return the messages that did not leave, not even in part."""
        peer = self.session.peer
        if peer is None:
            return []
        # Another session like ours reads what ours has written.
        reader = Session(self.session.socket_type, max_frames=sys.maxsize)
        reader.restore(Snapshot(b"", peer, b"", 0.0))
        reader.max_message_bytes = sys.maxsize
        return reader.receive(b"".join((self.backlog.rest(), *self._out)))

    def unsent(self) -> bytes:
        """Return what the kernel has not taken yet."""
        return b"".join((self.backlog.content(), *self._out))


def _none() -> int:
    return 0


def _nothing() -> None:
    """Stand in for whoever made the connection and does not wait for its end."""
