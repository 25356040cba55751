"""What must hold for a ZMTP session whatever its peer sends, and inputs to begin with."""

from __future__ import annotations

from zerorpc.zmtp import Message, Peer, Session, Snapshot, ZmtpError, encode
from zerorpc.zmtp.frame import command
from zerorpc.zmtp.metadata import FACING, own_metadata

# So low that short inputs reach them.
_MOST_BYTES = 300
_MOST_FRAMES = 4
REASONS = {"greeting", "version", "http", "tls", "mechanism", "ready", "socket_type", "identity"}
REASONS |= {"bad_frame", "bad_command", "refused", "too_large", "too_many_frames"}
_PEER = Peer("DEALER", b"", (3, 1), {})

Outcome = tuple[list[Message], bytes, str]


def _session(*, is_ready: bool) -> Session:
    session = Session("XPUB", max_message_bytes=_MOST_BYTES, max_frames=_MOST_FRAMES)
    if is_ready:
        session.restore(Snapshot(b"", _PEER, b"", 0.0))
    return session


def _outcome(session: Session, data: bytes, step: int, move_at: int = -1) -> Outcome:
    """Feed pieces, in a new session from some piece on; returns all that came out."""
    messages: list[Message] = []
    output = b""
    for number, start in enumerate(range(0, len(data), step)):
        if number == move_at:
            snapshot = session.export()
            # What is kept is what came, but for a header that may have become shorter or longer.
            assert len(snapshot.partial) <= start + 9 * _MOST_FRAMES
            session = _session(is_ready=False)
            session.restore(snapshot)
        try:
            messages += session.receive(data[start : start + step])
        except ZmtpError as error:
            return messages + error.messages, output + session.take_output(), error.reason
        output += session.take_output()
    return messages, output, ""


def _feed(data: bytes, *, is_ready: bool) -> None:
    step, move_at = (data[0] or 1, data[1]) if len(data) > 1 else (1, 0)
    whole = _outcome(_session(is_ready=is_ready), data[2:], len(data) or 1)
    assert _outcome(_session(is_ready=is_ready), data[2:], step, move_at) == whole
    messages, output, reason = whole
    assert not reason or reason in REASONS
    # A PONG is no longer than its PING, and the handshake says READY and ERROR at most.
    assert len(output) <= len(data) + 100
    for message in messages:
        assert 0 < len(message) <= _MOST_FRAMES
        # Subscriptions come in commands, whose bound is another.
        assert sum(map(len, message)) <= _MOST_BYTES or message[0][:1] in (b"\0", b"\1")


def handshake(data: bytes) -> None:
    """A session that hears these bytes first; two bytes before them say how they are cut."""
    _feed(data, is_ready=False)


def traffic(data: bytes) -> None:
    """The same behind a handshake."""
    _feed(data, is_ready=True)


def traffic_seeds(payloads: list[bytes]) -> list[bytes]:
    """Messages with these payloads, and each command."""
    commands = [(b"PING", b"\0\7ctx"), (b"PONG", b"ctx"), (b"SUBSCRIBE", b"topic")]
    commands += [(b"CANCEL", b"topic"), (b"ERROR", b"\4full"), (b"UNKNOWN", b""), (b"PING", b"")]
    said = [command(name, body) for name, body in commands]
    said += [b"".join(encode([b"", payload])) for payload in payloads]
    said += [b"\1\0" * 2 + said[0] + said[-1], b"\3" + bytes(8) + said[-1], bytes([8, 0])]
    return [
        bytes([step, 3]) + said[-1 - at] + each for at, each in enumerate(said) for step in (1, 90)
    ]


def handshake_seeds() -> list[bytes]:
    """Greetings and READYs of every type, and strangers."""
    greeting = Session("SUB").begin()
    strangers = [b"GET / HTTP/1.1\r\n", b"\x16\3\1\2\0\1", b"PROXY TCP4", b"\1\0", greeting[:12]]
    strangers += [greeting[:12] + b"CURVE".ljust(20, b"\0") + bytes(32), greeting + b"\0\0"]
    said = [greeting + command(b"READY", own_metadata(kind, b"me")) for kind in FACING]
    said += [greeting + command(b"ERROR", b"\4full"), greeting + command(b"READY", b"\1X\0\0\0\1x")]
    tail = command(b"SUBSCRIBE", b"topic") + b"\1\0\0\2hi"
    return [bytes([step, 2]) + each + tail for each in said + strangers for step in (1, 50)]
