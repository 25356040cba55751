"""One end of a ZMTP 3 connection: bytes <-> messages, handshake, PING and PONG.

Sans-IO. Rules, and where they are written (RFC 37; the handshake's rules are in `handshake`):

- Rule 1, "Framing": flags (1 MORE, 2 LONG, 4 COMMAND, the rest zero), size in one byte or eight,
  body. A message is all frames up to one without MORE; a command is one frame.
- Rule 2, "Connection Heartbeating": a PING is answered with its context. libzmq puts it between the
  frames of a message where one is on its way, so it may come there too.
- Rule 3, "The Publish-Subscribe Pattern": SUBSCRIBE and CANCEL are commands; before 3.1 they are
  messages that begin with 1 or 0. Owners see the messages, whatever the peer sent.
- Rule 4 is ours: a bound is compared with what a header claims before anything of it is kept, and
  memory grows with what has come, not with what is claimed.

It must not know what is in a message, nor what time it is: who is alive is the owner's to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from zerorpc.memory import keep_freed_buffers
from zerorpc.zmtp.frame import (
    COMMAND,
    COMMAND_BYTES,
    LONG,
    LONG_HEADER_BYTES,
    MORE,
    MOST_SHORT,
    Frame,
    Message,
    ZmtpError,
    command,
    encode,
    frame_header,
    split_command,
)
from zerorpc.zmtp.handshake import VERSION, Handshake, Mechanism, refusal
from zerorpc.zmtp.metadata import FACING, Peer

_CONTEXT_BYTES = 16  # of a PING, at most
# The longest TTL, in tenths of a second: libzmq 4.3 counts its milliseconds in 16 bits and would
# hang up 0.06 s after being told 65.6 s.
_MOST_TTL = 655
# A frame that comes in pieces is joined anew with each piece below this size, and once above it.
_LARGE_BYTES = 4096
# From here on glibc would ask the system anew for each buffer that a frame passes through.
_COSTLY_BYTES = 65536
# An empty frame that is not the last, and the beginning of a short one that is.
_DELIMITED = b"\1\0\0"
# Pieces smaller than this are put together, or a trickle of single bytes would cost 50 times its
# size.
_PIECE_BYTES = 2048

_read_size = Struct(">Q").unpack_from


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A session between two calls, as plain data; `Session.restore` makes it anew elsewhere.

    `partial` is what was received and not delivered: all of it while there is no `peer`.
    """

    partial: bytes
    peer: Peer | None
    output: bytes
    ttl_s: float


class Session:
    """One end of a connection. Send what `begin` returns, then feed `receive`.

    After each `receive`, also one that raised, send what `take_output` holds, and nothing else
    until there is a `peer`: libzmq hangs up on what comes before its own READY. `max_message_bytes`
    bounds the bodies of one message together, `max_frames` their number.
    """

    def __init__(
        self,
        socket_type: str,
        *,
        identity: bytes = b"",
        mechanism: Mechanism | None = None,
        is_server: bool = False,
        max_message_bytes: int = 256 << 20,
        max_frames: int = 64,
    ) -> None:
        if socket_type not in FACING:
            raise ValueError(f"no type of socket: {socket_type}")
        if max_message_bytes < MOST_SHORT:
            raise ValueError(f"a bound below {MOST_SHORT} bytes would not hold for short frames")
        self.socket_type = socket_type
        self.is_server = is_server
        self.max_message_bytes = max_message_bytes
        self.max_frames = max_frames
        # Whether no message of three short frames can be too much.
        self._is_roomy = max_message_bytes >= 3 * MOST_SHORT and max_frames >= 3
        self.peer: Peer | None = None
        self.pongs = 0
        self.ttl_s = 0.0  # how long the peer's last PING said that silence may last; 0 is no word
        self._handshake = Handshake(socket_type, identity, mechanism, is_server)
        self._is_publisher = socket_type in ("PUB", "XPUB")
        self._error: ZmtpError | None = None
        self._output = bytearray()
        self._tail = b""  # input that is not understood yet
        self._frames: list[bytes] = []  # of a message whose last frame is missing
        self._size = 0  # of these together
        self._pieces: list[bytes | bytearray] = []  # of a large frame
        self._missing = 0  # bytes of it that are still to come
        self._has_more = False  # whether it has MORE

    # -- what to send ------------------------------------------------------------------------

    def begin(self) -> bytes:
        """Return the greeting, the first thing to send."""
        return self._handshake.greeting()

    def take_output(self) -> bytes:
        """Return what is to be sent without the owner's doing: handshake, PONGs, mostly nothing."""
        if not self._output:
            return b""
        output = bytes(self._output)
        self._output.clear()
        return output

    def ping(self, ttl_s: float = 0.0, context: bytes = b"") -> bytes:
        """Return a PING; `ttl_s` tells the peer after how much silence to hang up, at most 65.5 s.

        A peer of version 3.0 need not answer it.
        """
        if len(context) > _CONTEXT_BYTES:
            raise ValueError(f"a context has at most {_CONTEXT_BYTES} bytes")
        return command(b"PING", min(round(ttl_s * 10), _MOST_TTL).to_bytes(2, "big") + context)

    def subscription(self, prefix: bytes, *, is_wanted: bool = True) -> bytes:
        """Return what asks a publisher for messages beginning with `prefix`, or for no more."""
        if self.peer is not None and self.peer.version < VERSION:
            return b"".join(encode([b"%c%b" % (is_wanted, prefix)]))
        return command(b"SUBSCRIBE" if is_wanted else b"CANCEL", prefix)

    # -- what is received --------------------------------------------------------------------

    @property
    def missing(self) -> int:
        """How many bytes of a large frame are still to come: a hint for how much to read."""
        return self._missing

    def receive(self, data: Frame) -> list[Message]:
        """Take bytes of the peer; returns the messages that are whole now.

        Raises `ZmtpError`, then and from then on: the connection must be closed.
        """
        if self._error is not None:
            raise self._error.fresh()
        if type(data) is not bytes:
            data = bytes(data)
        messages: list[Message] = []
        try:
            if self.peer is None:
                data = self._begin_with(data)
                if self.peer is None:
                    return messages
            self._read(data, messages)
        except ZmtpError as error:
            error.messages = messages
            self._error = error.fresh()
            self._error.messages = []
            raise
        return messages

    def _begin_with(self, data: bytes) -> bytes:
        """Go on with the handshake; returns what is behind it."""
        handshake = self._handshake
        try:
            data = handshake.receive(data)
        finally:
            self._output += handshake.output
            handshake.output = b""
        self.peer = handshake.peer
        if self.peer is not None:
            handshake.heard = b""
        return data

    def _read(self, data: bytes, messages: list[Message]) -> None:
        """Read frames, the traffic after the handshake."""
        at = 0
        if self._missing:
            at = self._collect(data)
            if self._missing:
                return
            self._finish_large(messages)
        elif self._tail:
            data = self._tail + data
        if not self._frames and self._is_roomy:
            at = _read_small(data, at, messages)
        if at < len(data):
            at = self._read_frames(data, at, messages)
        self._tail = data[at:]

    # One loop in which each kind of frame has lines of its own, since calls, and tests that only
    # another kind needs, would double what a small frame costs. In microseconds a message of 100
    # bytes takes 0.28 alone, 0.48 behind a delimiter, 0.78 behind an identity and a delimiter.
    def _read_frames(self, data: bytes, at: int, messages: list[Message]) -> int:  # noqa: C901
        """Read frames from `at` on; returns where the first one begins that is not whole."""
        end, add = len(data), messages.append
        frames, size = self._frames, self._size
        most_bytes, most_frames = self.max_message_bytes, self.max_frames
        while at + 1 < end:
            flags = data[at]
            if not flags:
                start = at + 2
                after = start + data[at + 1]
                if after > end:
                    break
                if frames:
                    if size and size + after - start > most_bytes:
                        raise _too_large(size + after - start)
                    frames.append(data[start:after])
                    add(frames)
                    frames, size = [], 0
                else:
                    add([data[start:after]])
            elif flags == MORE:
                after = at + 2
                count = data[at + 1]
                if count:
                    start, after = after, after + count
                    if after > end:
                        break
                    size += count
                    if size > most_bytes:
                        raise _too_large(size)
                    frames.append(data[start:after])
                else:
                    frames.append(b"")
                if len(frames) >= most_frames:
                    raise _too_many(most_frames)
            elif flags < COMMAND:
                start = at + LONG_HEADER_BYTES
                if start > end:
                    break
                (count,) = _read_size(data, at + 1)
                if size + count > most_bytes:
                    raise _too_large(size + count)
                if len(frames) + (flags & MORE) >= most_frames:
                    raise _too_many(most_frames)
                after = start + count
                if after > end:
                    at = self._begin_large(data, at, start, count)
                    break
                frames.append(data[start:after])
                size += count
                if flags == LONG:
                    add(frames)
                    frames, size = [], 0
            else:
                after = self._read_command(data, at, messages)
                if after == at:
                    break
            at = after
        self._frames, self._size = frames, size
        return at

    def _begin_large(self, data: bytes, at: int, start: int, size: int) -> int:
        """Keep the beginning of a frame that is not whole, if it is large enough to be collected.

        Returns how far `data` is understood: to its end, or to `at`.
        """
        if size < _LARGE_BYTES:
            return at
        if size >= _COSTLY_BYTES:
            keep_freed_buffers()
        self._pieces = [data[start:]]
        self._missing = size - len(self._pieces[0])
        self._has_more = bool(data[at] & MORE)
        return len(data)

    def _collect(self, data: bytes) -> int:
        """Keep what belongs to the large frame; returns how much that was."""
        piece = data if len(data) <= self._missing else data[: self._missing]
        self._missing -= len(piece)
        last = self._pieces[-1]
        if len(piece) >= _PIECE_BYTES:
            self._pieces.append(piece)
        elif type(last) is bytearray and len(last) < _PIECE_BYTES:
            last += piece
        else:
            self._pieces.append(bytearray(piece))
        return len(piece)

    def _finish_large(self, messages: list[Message]) -> None:
        frame = b"".join(self._pieces)
        self._pieces = []
        self._frames.append(frame)
        self._size += len(frame)
        if not self._has_more:
            messages.append(self._frames)
            self._frames, self._size = [], 0

    def _read_command(self, data: bytes, at: int, messages: list[Message]) -> int:
        """Carry out the command at `at`; returns where it ends, or `at` if it is not whole."""
        flags = data[at]
        if flags | LONG != COMMAND | LONG:
            raise ZmtpError("bad_frame", f"flags {flags:#04x}")
        start = at + (LONG_HEADER_BYTES if flags & LONG else 2)
        if start > len(data):
            return at
        size = int.from_bytes(data[at + 1 : start], "big")
        if size > COMMAND_BYTES:
            raise ZmtpError("bad_command", f"a command of {size} bytes")
        after = start + size
        if after > len(data):
            return at
        self._obey(*split_command(data[start:after]), messages)
        return after

    def _obey(self, name: bytes, body: bytes, messages: list[Message]) -> None:
        """Do what a command asks for; those that we do not know ask for nothing."""
        if name == b"PING":
            if not 2 <= len(body) <= 2 + _CONTEXT_BYTES:
                raise ZmtpError("bad_command", f"a PING with {len(body)} bytes")
            self.ttl_s = int.from_bytes(body[:2], "big") / 10
            self._output += command(b"PONG", body[2:])
        elif name == b"PONG":
            self.pongs += 1
        elif name == b"ERROR":
            raise refusal(body)
        elif self._is_publisher and name in (b"SUBSCRIBE", b"CANCEL"):
            messages.append([b"%c%b" % (name == b"SUBSCRIBE", body)])

    def forget(self) -> int:
        """Let go of what was received of a message that is not whole; returns its size in bytes.

        For when the connection is over: no more may be received.
        """
        size = self._size + sum(map(len, self._pieces)) + len(self._tail)
        self._frames, self._pieces, self._tail = [], [], b""
        self._size = self._missing = 0
        return size

    # -- moving to another process -----------------------------------------------------------

    def export(self) -> Snapshot:
        """Return all that is needed to go on elsewhere, with the same arguments."""
        if self._error is not None:
            raise self._error.fresh()
        parts: list[Frame] = []
        for frame in self._frames:
            parts += (frame_header(len(frame), True), frame)
        if self._missing:
            body = b"".join(self._pieces)
            parts += (frame_header(len(body) + self._missing, self._has_more), body)
        partial = b"".join((self._handshake.heard, *parts, self._tail))
        return Snapshot(partial, self.peer, bytes(self._output), self.ttl_s)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where another session was; raises `ZmtpError` where our bounds are narrower."""
        self.peer = snapshot.peer
        self.receive(snapshot.partial)
        # What the handshake so far has made us say was said, but for this.
        self._output[:] = snapshot.output
        self.ttl_s = snapshot.ttl_s


def _read_small(data: bytes, at: int, messages: list[Message]) -> int:
    """Read whole messages of a short frame, alone, behind another, or behind that and a delimiter.

    Returns where the first one begins that is none of these. What passes through a hub is, and so
    costs half of what it does below.
    """
    end, add = len(data), messages.append
    while at + 1 < end:
        flags = data[at]
        first = at + 2
        after = first + data[at + 1]
        if flags == MORE and after + 1 < end:
            if not data[after]:
                start = after + 2
                at_end = start + data[after + 1]
                if at_end > end:
                    break
                add([data[first:after], data[start:at_end]])
            elif data[after : after + 3] == _DELIMITED and after + 3 < end:
                start = after + 4
                at_end = start + data[after + 3]
                if at_end > end:
                    break
                add([data[first:after], b"", data[start:at_end]])
            else:
                break
            at = at_end
        elif not flags and after <= end:
            add([data[first:after]])
            at = after
        else:
            break
    return at


def _too_large(size: int) -> ZmtpError:
    return ZmtpError("too_large", f"a message of {size} bytes or more")


def _too_many(most: int) -> ZmtpError:
    return ZmtpError("too_many_frames", f"more than {most} frames in a message")
