"""How a ZMTP connection begins: the greetings, the security mechanism, and refusals with a reason.

Sans-IO. What is demanded and where it is written (RFC 37 is ZMTP 3.1, RFC 23 is 3.0):

- Rule 1, "Formal Grammar": a greeting is 64 bytes: ff, 8 bytes that mean nothing, 7f, the version,
  the mechanism's name in 20 bytes padded with zeros, one byte as-server, 31 of filler.
- Rule 2, "Version Negotiation": a higher version is as good as ours. A lower one we might speak,
  but do not: libzmq has spoken 3.0 since 4.0, of 2013.
- Rule 3, "Authentication and Confidentiality": both ends name the same mechanism, or part.
- Rule 4, "The NULL Security Mechanism": whoever connected sends READY first, and the other answers
  with READY, or with ERROR and a reason.
- Rule 5, "Error Handling": an ERROR is fatal.

It must not know what follows a handshake.
"""

from __future__ import annotations

from typing import Protocol

from zerorpc.zmtp.frame import (
    COMMAND,
    COMMAND_BYTES,
    LONG,
    LONG_HEADER_BYTES,
    ZmtpError,
    command,
    printable,
    split_command,
)
from zerorpc.zmtp.metadata import Peer, introduced, own_metadata

VERSION = (3, 1)

_GREETING_BYTES = 64
_SIGNATURE = b"\xff\0\0\0\0\0\0\0\0\x7f"
_SIGNATURE_END = 0x7F
_MECHANISM = slice(12, 32)
_MECHANISM_BYTES = 20

_TLS_HANDSHAKE = b"\x16\x03"
_PROXY_HEADER = b"PROX"
_HTTP = frozenset(
    (b"GET ", b"HEAD", b"POST", b"PUT ", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC", b"PRI ")
)


class Mechanism(Protocol):
    """A security mechanism: the commands between the greetings and the first message.

    NULL is below. PLAIN and CURVE fit in: they exchange HELLO, WELCOME, INITIATE and READY, of
    which the last two carry the metadata. CURVE also wraps every frame of the traffic in a command
    MESSAGE, which `Session` would hand over where it handles commands.
    """

    name: bytes

    def begin(self, metadata: bytes) -> bytes:
        """Return what to send once the greetings agree; `metadata` is what the peer shall learn."""

    def receive(self, name: bytes, body: bytes) -> tuple[bytes, bytes | None]:
        """Take a command of the peer; returns the answer, and the peer's metadata at the end.

        Raises `ZmtpError`.
        """


class Null:
    """The mechanism NULL: nothing is proved and nothing is hidden."""

    name = b"NULL"

    def __init__(self, *, is_server: bool = False) -> None:
        self.is_server = is_server
        self._ready = b""

    def begin(self, metadata: bytes) -> bytes:
        """Return READY, unless the peer has to send it first."""
        self._ready = command(b"READY", metadata)
        return b"" if self.is_server else self._ready

    def receive(self, name: bytes, body: bytes) -> tuple[bytes, bytes | None]:
        """Take READY, the only command there is."""
        if name != b"READY":
            raise ZmtpError("ready", f"{printable(name)} where READY was due")
        return (self._ready if self.is_server else b""), body


class Handshake:
    """The beginning of one connection, up to the moment when `peer` is known.

    `output` is what has to be sent, beside the greeting; after an error too.
    """

    def __init__(
        self, socket_type: str, identity: bytes, mechanism: Mechanism | None, is_server: bool
    ) -> None:
        self.peer: Peer | None = None
        self.output = b""
        self.heard = b""  # all of it: little, and enough to begin anew in another process
        self._socket_type = socket_type
        self._identity = identity
        self._is_server = is_server
        self._mechanism = mechanism or Null(is_server=is_server)
        self._version: tuple[int, int] | None = None
        self._read = 0  # how much of what was heard is understood

    def greeting(self) -> bytes:
        """Return the 64 bytes to begin with."""
        name = self._mechanism.name
        # As-server has a meaning in other mechanisms only; NULL demands a zero.
        role = self._is_server and name != Null.name
        padded = name.ljust(_MECHANISM_BYTES, b"\0")
        head = b"%b%c%c%b%c" % (_SIGNATURE, *VERSION, padded, role)
        return head.ljust(_GREETING_BYTES, b"\0")

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the peer; returns those behind the handshake, once there is a `peer`.

        Raises `ZmtpError`.
        """
        self.heard += data
        if self._version is None:
            self._version = read_greeting(self.heard, self._mechanism.name)
            if self._version is None:
                return b""
            self._read = _GREETING_BYTES
            self.output += self._mechanism.begin(own_metadata(self._socket_type, self._identity))
        try:
            while self.peer is None:
                body = self._next_command()
                if body is None:
                    return b""
                self._follow(*split_command(body), self._version)
        except ZmtpError as error:
            if error.reason != "refused":
                reason = error.reason.encode()
                self.output += command(b"ERROR", b"%c%b" % (len(reason), reason))
            raise
        return self.heard[self._read :]

    def _next_command(self) -> bytes | None:
        """Return the body of the next command, None while it is not whole."""
        header = self.heard[self._read : self._read + LONG_HEADER_BYTES]
        if not header:
            return None
        if header[0] | LONG != COMMAND | LONG:
            raise ZmtpError("bad_frame", f"flags {header[0]:#04x} where a command was due")
        header_bytes = LONG_HEADER_BYTES if header[0] & LONG else 2
        if len(header) < header_bytes:
            return None
        size = int.from_bytes(header[1:header_bytes], "big")
        if size > COMMAND_BYTES:
            raise ZmtpError("bad_command", f"a command of {size} bytes")
        start = self._read + header_bytes
        if len(self.heard) < start + size:
            return None
        self._read = start + size
        return self.heard[start : self._read]

    def _follow(self, name: bytes, body: bytes, version: tuple[int, int]) -> None:
        if name == b"ERROR":
            raise refusal(body)
        answer, metadata = self._mechanism.receive(name, body)
        # Looked at before the answer is given: who does not fit gets an ERROR instead.
        peer = None if metadata is None else introduced(metadata, version, self._socket_type)
        self.output += answer
        self.peer = peer


def read_greeting(heard: bytes, mechanism: bytes) -> tuple[int, int] | None:
    """Return the version of a peer whose greeting `heard` begins with, None while more is needed.

    Raises `ZmtpError` as soon as the bytes can become no greeting that suits.
    """
    if heard[:1] != b"\xff":
        _refuse_stranger(heard)
        return None
    if len(heard) > 9 and heard[9] != _SIGNATURE_END:
        # In ZMTP 1.0 this may be the long length of an identity, and its flags.
        raise ZmtpError("greeting" if heard[9] & 1 else "version", "not the signature of ZMTP 3")
    if len(heard) > 10 and heard[10] < VERSION[0]:
        raise ZmtpError("version", "the peer speaks ZMTP 2.0 or 1.0, this side 3.0 and up")
    if len(heard) < _GREETING_BYTES:
        return None
    theirs = heard[_MECHANISM]
    if theirs != mechanism.ljust(_MECHANISM_BYTES, b"\0"):
        wanted = printable(theirs.rstrip(b"\0"))
        raise ZmtpError("mechanism", f"the peer wants {wanted}, this side {mechanism.decode()}")
    return heard[10], heard[11]


def _refuse_stranger(heard: bytes) -> None:
    """Raise `ZmtpError` for bytes that are no ZMTP 3, saying what they look like."""
    # A method of HTTP can be told from other text after four bytes, all else after two.
    if len(heard) < (4 if heard[:1].isupper() else 2):
        return
    if heard[:4] in _HTTP:
        raise ZmtpError("http", "an HTTP request")
    if heard[:2] == _TLS_HANDSHAKE:
        raise ZmtpError("tls", "the beginning of a TLS connection")
    if heard[:4] == _PROXY_HEADER:
        raise ZmtpError("greeting", "a PROXY header: take send-proxy out of the proxy's settings")
    if heard[0] and not heard[1]:
        # The short length of an identity, and its flags.
        raise ZmtpError("version", "the peer seems to speak ZMTP 1.0, this side 3.0 and up")
    raise ZmtpError("greeting", f"no ZMTP: it begins with {printable(heard[:16])}")


def refusal(body: bytes) -> ZmtpError:
    """Return the error for a peer that has sent ERROR with this body."""
    reason = printable(body[1 : 1 + body[0]]) if body else ""
    return ZmtpError("refused", f"the peer says: {reason}")
