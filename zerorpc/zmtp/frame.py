"""The smallest units of ZMTP 3: frames, commands, and the error for what is neither.

Sans-IO. RFC 37, "Framing" and "Formal Grammar": a frame is one byte of flags (1 MORE, 2 LONG, 4
COMMAND, the rest zero), the size of the body in one byte or in eight, and the body. A command is
one frame whose body begins with the length of a name, and the name.

It must not know in which order frames and commands may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from zerorpc.errors import RemoteProtocolError

Frame = bytes | memoryview
Message = list[bytes]

MORE, LONG, COMMAND = 1, 2, 4
MOST_SHORT = 255  # the largest size that fits one byte
LONG_HEADER_BYTES = 9
# READY needs about 60 bytes, CURVE's longest command 300 and the metadata; a topic fits as well.
COMMAND_BYTES = 8192

_LAST_HEADERS = tuple(bytes([0, size]) for size in range(MOST_SHORT + 1))
_MORE_HEADERS = tuple(bytes([MORE, size]) for size in range(MOST_SHORT + 1))
_AFTER_DELIMITER = tuple(_MORE_HEADERS[0] + header for header in _LAST_HEADERS)


class ZmtpError(RemoteProtocolError):
    """The peer does not speak ZMTP as we do; the connection must be closed.

    `reason` is a short key to count by. What came before the fault is in `messages`, whole.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.messages: list[Message] = []


def frame_header(size: int, more: bool) -> bytes:
    """Return what stands before the body of a frame."""
    if size <= MOST_SHORT:
        return (_MORE_HEADERS if more else _LAST_HEADERS)[size]
    return b"%c%b" % (LONG | more, size.to_bytes(8, "big"))


def encode(frames: Sequence[Frame]) -> tuple[Frame, Frame]:
    """Return a message as two parts to send one behind the other: all before the last body, and it.

    The last body is not copied; those before it are, since they are small: envelopes and topics.
    """
    body = frames[-1]
    size, count = len(body), len(frames)
    if size <= MOST_SHORT:
        # What goes through a hub, first to a client and then to a worker.
        if count == 2 and not frames[0]:
            return _AFTER_DELIMITER[size], body
        if count == 3 and not frames[1] and len(frames[0]) <= MOST_SHORT:
            return _MORE_HEADERS[len(frames[0])] + frames[0] + _AFTER_DELIMITER[size], body
    parts: list[Frame] = []
    for frame in frames[:-1]:
        parts += (frame_header(len(frame), True), frame)
    parts.append(frame_header(size, False))
    return b"".join(parts), body


def command(name: bytes, body: bytes = b"") -> bytes:
    """Return a command as a frame."""
    size = 1 + len(name) + len(body)
    if size <= MOST_SHORT:
        return b"%c%c%c%b%b" % (COMMAND, size, len(name), name, body)
    return b"%c%b%c%b%b" % (COMMAND | LONG, size.to_bytes(8, "big"), len(name), name, body)


def split_command(body: bytes) -> tuple[bytes, bytes]:
    """Return the name and the rest of a command; raises `ZmtpError` where there is no name."""
    end = 1 + body[0] if body else 1
    name = body[1:end]
    if end == 1 or len(name) < end - 1 or not name.isalpha():
        raise ZmtpError("bad_command", "a command without a name")
    return name, body[end:]


def printable(raw: bytes) -> str:
    """Return bytes of a peer as text that harms no log."""
    return "".join(chr(code) if 32 <= code < 127 else f"\\x{code:02x}" for code in raw)
