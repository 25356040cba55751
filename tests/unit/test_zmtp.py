"""A session of ZMTP by example: frames, commands, bounds, heartbeats, and moving elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from zerorpc.zmtp import Message, Peer, Session, Snapshot, ZmtpError, encode, frame_header

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL".ljust(55, b"\0")
READY_DEALER = b"\x04\x1c\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"


def ready(**bounds: Any) -> Session:
    """A ROUTER that has shaken hands with a DEALER."""
    session = Session("ROUTER", is_server=True, **bounds)
    session.begin()
    assert session.receive(GREETING + READY_DEALER) == []
    session.take_output()
    return session


def wire(*frames: bytes) -> bytes:
    return b"".join(encode(frames))


def refused(session: Session, data: bytes) -> ZmtpError:
    with pytest.raises(ZmtpError) as caught:
        session.receive(data)
    return caught.value


@pytest.mark.parametrize(
    ("size", "more", "header"),
    [
        (0, False, b"\x00\x00"),
        (0, True, b"\x01\x00"),
        (255, False, b"\x00\xff"),
        (255, True, b"\x01\xff"),
        (256, False, b"\x02\x00\x00\x00\x00\x00\x00\x01\x00"),
        (256, True, b"\x03\x00\x00\x00\x00\x00\x00\x01\x00"),
    ],
)
def test_headers_are_short_up_to_255_bytes(size: int, more: bool, header: bytes) -> None:
    assert frame_header(size, more) == header


def test_a_message_is_encoded_without_copying_its_last_body() -> None:
    body = bytes(1000)
    parts = encode([b"", memoryview(b"id"), body])
    assert b"".join(parts) == b"\x01\0\x01\x02id\x02" + (1000).to_bytes(8, "big") + body
    assert parts[1] is body


@pytest.mark.parametrize("size", [0, 1, 255, 256, 4095, 4096, 4097, 70_000])
def test_messages_come_out_as_they_were_put_in(size: int) -> None:
    messages: list[Message] = [[b"", b"x" * size], [b"y" * size], [b"", b"z" * size, b"", b"end"]]
    data = b"".join(wire(*message) for message in messages)
    assert ready().receive(data) == messages
    assert ready().receive(memoryview(bytearray(data))) == messages
    for step in (1, 7, 4096):
        session, got = ready(), []
        for start in range(0, len(data), step):
            got += session.receive(data[start : start + step])
        assert got == messages


def test_what_was_handed_over_stays_when_its_buffer_is_used_again() -> None:
    session, buffer = ready(), bytearray(wire(b"", b"first"))
    [message] = session.receive(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert message == [b"", b"first"]


def test_a_small_frame_may_have_a_long_header() -> None:
    session = ready()
    assert session.receive(b"\x03" + bytes(8) + b"\x02" + bytes(7) + b"\x02hi") == [[b"", b"hi"]]


def test_a_ping_is_answered_with_its_context() -> None:
    session = ready()
    assert session.receive(b"\x04\x0a\x04PING\x00\x1eabc") == []
    assert session.take_output() == b"\x04\x08\x04PONGabc"
    assert session.take_output() == b""
    assert session.ttl_s == 3.0


def test_a_ping_between_the_frames_of_a_message_leaves_it_whole() -> None:
    session = ready()
    assert session.receive(b"\x01\x00" + session.ping() + b"\x00\x02hi") == [[b"", b"hi"]]
    assert session.take_output() == b"\x04\x05\x04PONG"


def test_pings_have_a_time_to_live_in_tenths_and_a_context() -> None:
    session = ready()
    assert session.ping(3.0, b"ctx") == b"\x04\x0a\x04PING\x00\x1ectx"
    assert session.ping() == b"\x04\x07\x04PING\x00\x00"
    assert session.ping(1e9) == b"\x04\x07\x04PING\x02\x8f"
    with pytest.raises(ValueError, match="16 bytes"):
        session.ping(0.0, bytes(17))


def test_pongs_are_counted() -> None:
    session = ready()
    session.receive(b"\x04\x05\x04PONG" + b"\x04\x08\x04PONGabc")
    assert session.pongs == 2
    assert session.take_output() == b""


def test_unknown_commands_ask_for_nothing() -> None:
    session = ready()
    assert session.receive(b"\x04\x06\x05HELLO" + wire(b"hi")) == [[b"hi"]]
    assert session.receive(b"\x04\x0b\x09SUBSCRIBEx") == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x08\x00", "bad_frame"),
        (b"\x05\x00", "bad_frame"),
        (b"\x07\x00", "bad_frame"),
        (b"\xff\x00", "bad_frame"),
        (b"\x04\x00", "bad_command"),
        (b"\x04\x01\x00", "bad_command"),
        (b"\x04\x03\x05PI", "bad_command"),
        (b"\x04\x05\x04P NG", "bad_command"),
        (b"\x04\x06\x04PING\x00", "bad_command"),
        (b"\x04\x18\x04PING\x00\x00" + bytes(17), "bad_command"),
        (b"\x06\x00\x00\x00\x00\x00\x00\x20\x01", "bad_command"),
        (b"\x04\x0b\x05ERROR\x04full", "refused"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x10\x01", "too_large"),
        (b"\x02\xff\xff\xff\xff\xff\xff\xff\xff", "too_large"),
        (wire(b"x" * 4000, b"x" * 97), "too_large"),
        (wire(*[b""] * 5), "too_many_frames"),
        (b"\x01\x00" * 4, "too_many_frames"),
        (b"\x01\x00" * 3 + b"\x03" + bytes(8), "too_many_frames"),
    ],
)
def test_faults_end_the_session_with_a_reason(data: bytes, reason: str) -> None:
    session = ready(max_message_bytes=4096, max_frames=4)
    error = refused(session, wire(b"", b"before") + data)
    assert error.reason == reason
    assert error.messages == [[b"", b"before"]]
    again = refused(session, wire(b"", b"after"))
    assert again.reason == reason
    assert again.messages == []


def test_messages_up_to_the_bounds_are_taken() -> None:
    session = ready(max_message_bytes=4096, max_frames=4)
    for _ in range(3):
        most = [b"x" * 4000, b"", b"y" * 90, b"z" * 6]
        assert session.receive(wire(*most)) == [most]
        assert session.receive(wire(b"x" * 4096)) == [[b"x" * 4096]]


def test_the_peers_reason_is_told_in_characters_that_harm_no_log() -> None:
    error = refused(ready(), b"\x04\x0a\x05ERROR\x03a\n\x1b")
    assert str(error) == r"refused: the peer says: a\x0a\x1b"


def test_how_much_is_missing_of_a_large_frame_is_told() -> None:
    session = ready()
    data = wire(b"", bytes(100_000))
    assert session.missing == 0
    session.receive(data[:1000])
    assert session.missing == len(data) - 1000
    session.receive(data[1000:])
    assert session.missing == 0


@pytest.mark.parametrize("kind", ["PUB", "XPUB"])
def test_publishers_see_subscriptions_as_messages(kind: str) -> None:
    session = Session(kind)
    session.receive(GREETING + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB")
    data = b"\x04\x0b\x09SUBSCRIBEx" + b"\x04\x08\x06CANCELx" + b"\x00\x02\x01y"
    assert session.receive(data) == [[b"\x01x"], [b"\x00x"], [b"\x01y"]]


@pytest.mark.parametrize(
    ("minor", "wanted", "cancelled"),
    [
        (b"\x01", b"\x04\x0b\x09SUBSCRIBEx", b"\x04\x08\x06CANCELx"),
        (b"\x00", b"\x00\x02\x01x", b"\x00\x02\x00x"),
    ],
)
def test_subscribers_ask_as_the_peers_version_has_it(
    minor: bytes, wanted: bytes, cancelled: bytes
) -> None:
    session = Session("SUB")
    greeting = GREETING[:11] + minor + GREETING[12:]
    session.receive(greeting + b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB")
    assert session.subscription(b"x") == wanted
    assert session.subscription(b"x", is_wanted=False) == cancelled


def moved(session: Session, **bounds: Any) -> Session:
    """The same session as another process would continue it."""
    elsewhere = Session("ROUTER", is_server=True, **bounds)
    elsewhere.restore(session.export())
    return elsewhere


@pytest.mark.parametrize("size", [10, 300, 5000])
def test_a_session_goes_on_elsewhere_from_any_byte(size: int) -> None:
    message = [b"", b"x" * size, b"", b"end"]
    conversation = GREETING + READY_DEALER + b"\x04\x07\x04PING\x00\x0a" + wire(*message)
    whole = Session("ROUTER", is_server=True)
    assert whole.receive(conversation) == [message]
    said = whole.take_output()
    for cut in range(len(conversation)):
        session = Session("ROUTER", is_server=True)
        got = session.receive(conversation[:cut])
        early = session.take_output() if cut % 2 else b""
        session = moved(session)
        got += session.receive(conversation[cut:])
        assert got == [message]
        assert early + session.take_output() == said
        assert session.peer == Peer("DEALER", b"", (3, 1), {"socket-type": b"DEALER"})
        assert session.ttl_s == 1.0


def test_narrower_bounds_refuse_what_was_begun_under_wider_ones() -> None:
    session = ready()
    session.receive(wire(b"", bytes(9000))[:1000])
    with pytest.raises(ZmtpError, match="too_large"):
        moved(session, max_message_bytes=8000)


@pytest.mark.parametrize(
    ("pieces", "size"),
    [
        ([b"\0\x0abegun"], 2 + 5),
        ([frame_header(200_000, False)], 0),
        ([frame_header(200_000, False) + b"x" * 10, b"y" * 5], 15),
        ([frame_header(200_000, False), b"x" * 100_000, b"y" * 50_000], 150_000),
    ],
)
def test_what_is_not_whole_can_be_forgotten(pieces: list[bytes], size: int) -> None:
    session = ready()
    session.receive(frame_header(7, True) + b"a frame")
    for piece in pieces:
        session.receive(piece)
    assert session.forget() == 7 + size
    assert (session.missing, session.forget(), session.export().partial) == (0, 0, b"")


def test_a_failed_session_goes_nowhere() -> None:
    session = ready()
    refused(session, b"\xff\xff")
    with pytest.raises(ZmtpError, match="bad_frame"):
        session.export()


def test_a_snapshot_is_plain_data() -> None:
    session = ready()
    session.receive(b"\x04\x07\x04PING\x00\x05\x01\x00\x00\x09par")
    peer = Peer("DEALER", b"", (3, 1), {"socket-type": b"DEALER"})
    assert session.export() == Snapshot(b"\x01\x00\x00\x09par", peer, b"\x04\x05\x04PONG", 0.5)


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="no type of socket: STREAM"):
        Session("STREAM")
    with pytest.raises(ValueError, match="255"):
        Session("ROUTER", max_message_bytes=100)
