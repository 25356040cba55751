"""How a connection begins: what is said, in which order, and who is refused with what reason."""

from __future__ import annotations

import itertools

import pytest

from zerorpc.zmtp import Session, ZmtpError
from zerorpc.zmtp.metadata import FACING

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL".ljust(55, b"\0")


def prop(name: bytes, value: bytes) -> bytes:
    return bytes([len(name)]) + name + len(value).to_bytes(4, "big") + value


def command(body: bytes) -> bytes:
    if len(body) > 255:
        return b"\x06" + len(body).to_bytes(8, "big") + body
    return bytes([4, len(body)]) + body


def ready(socket_type: bytes, identity: bytes | None = None) -> bytes:
    own = b"" if identity is None else prop(b"Identity", identity)
    return command(b"\x05READY" + prop(b"Socket-Type", socket_type) + own)


def refused(session: Session, data: bytes) -> ZmtpError:
    with pytest.raises(ZmtpError) as caught:
        session.receive(data)
    return caught.value


def trickle(session: Session, data: bytes) -> None:
    for index in range(len(data)):
        session.receive(data[index : index + 1])


def test_greetings_have_64_bytes() -> None:
    assert Session("ROUTER").begin() == GREETING
    assert Session("ROUTER", is_server=True).begin() == GREETING


def test_who_connected_says_ready_at_once() -> None:
    session = Session("DEALER", identity=b"me")
    session.receive(GREETING[:63])
    assert session.take_output() == b""
    session.receive(GREETING[63:])
    assert session.take_output() == ready(b"DEALER", b"me")
    assert session.peer is None
    session.receive(ready(b"ROUTER"))
    assert session.take_output() == b""
    assert session.peer is not None


def test_who_was_connected_to_looks_before_it_answers() -> None:
    session = Session("ROUTER", is_server=True)
    session.receive(GREETING)
    assert session.take_output() == b""
    session.receive(ready(b"DEALER", b"me"))
    assert session.take_output() == ready(b"ROUTER", b"")


def test_the_peer_is_known_by_what_it_says() -> None:
    session = Session("ROUTER")
    body = prop(b"SOCKET-TYPE", b"REQ") + prop(b"identity", b"\xfe") + prop(b"X-Rack", b"7")
    session.receive(GREETING + command(b"\x05READY" + body))
    peer = session.peer
    assert peer is not None
    assert (peer.socket_type, peer.identity, peer.version) == ("REQ", b"\xfe", (3, 1))
    assert peer.properties["x-rack"] == b"7"


@pytest.mark.parametrize("many", [32, 33, 1000])
def test_properties_are_few(many: int) -> None:
    more = b"".join(prop(b"%03x" % number, b"") for number in range(many - 1))
    data = GREETING + command(b"\x05READY" + prop(b"Socket-Type", b"DEALER") + more)
    session = Session("ROUTER", is_server=True)
    if many == 32:
        session.receive(data)
        assert session.peer is not None
        assert len(session.peer.properties) == 32
    else:
        assert str(refused(session, data)) == "ready: more than 32 properties"


def test_what_comes_behind_the_handshake_is_read_with_it() -> None:
    session = Session("ROUTER", is_server=True)
    data = GREETING + ready(b"DEALER", b"") + b"\x01\x00\x00\x02hi"
    assert session.receive(data) == [[b"", b"hi"]]
    for cut in range(len(data)):
        session = Session("ROUTER", is_server=True)
        assert session.receive(data[:cut]) + session.receive(data[cut:]) == [[b"", b"hi"]]


@pytest.mark.parametrize("version", [b"\x03\x00", b"\x03\x02", b"\x04\x00", b"\xff\xff"])
def test_versions_from_3_0_up_are_taken(version: bytes) -> None:
    session = Session("ROUTER")
    session.receive(GREETING[:10] + version + GREETING[12:] + ready(b"DEALER"))
    assert session.peer is not None
    assert session.peer.version == (version[0], version[1])


def test_padding_role_and_filler_mean_nothing() -> None:
    session = Session("ROUTER")
    greeting = b"\xff" + b"padding." + GREETING[9:32] + b"\x01" + b"f" * 31
    session.receive(greeting + ready(b"DEALER"))
    assert session.peer is not None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "http"),
        (b"PRI * HTTP/2.0\r\n", "http"),
        (b"OPTIONS * HTTP/1.0\r\n", "http"),
        (b"\x16\x03\x01\x02\x00\x01", "tls"),
        (b"PROXY TCP4 127.0.0.1", "greeting"),
        (b"SSH-2.0-OpenSSH", "greeting"),
        (b"\x0d\x0a\x0d\x0a", "greeting"),
        (b"\x00\x00", "greeting"),
        (b"\x01\x00", "version"),  # ZMTP 1.0 without an identity
        (b"\x03\x00me", "version"),  # and with one
        (b"\xff" + bytes(7) + b"\x81\x00", "version"),  # and with a long one
        (b"\xff" + bytes(8) + b"\x01", "greeting"),
        (b"\xff" + bytes(8) + b"\x7f\x00", "version"),
        (b"\xff" + bytes(8) + b"\x7f\x01\x05", "version"),  # ZMTP 2.0
        (GREETING[:12] + b"PLAIN".ljust(20, b"\0") + bytes(32), "mechanism"),
        (GREETING[:16] + b"X" + GREETING[17:], "mechanism"),
    ],
)
def test_strangers_are_refused_with_a_reason_wherever_their_bytes_are_cut(
    data: bytes, reason: str
) -> None:
    assert refused(Session("ROUTER"), data).reason == reason
    session = Session("ROUTER")
    with pytest.raises(ZmtpError, match=f"^{reason}: "):
        trickle(session, data)
    assert session.take_output() == b""


def test_the_refused_mechanism_is_named() -> None:
    data = GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32)
    assert (
        str(refused(Session("ROUTER"), data)) == "mechanism: the peer wants CURVE, this side NULL"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ready(b"PUB"), "socket_type"),
        (ready(b""), "socket_type"),
        (ready(b"dealer"), "socket_type"),
        (command(b"\x05READY"), "socket_type"),
        (ready(b"DEALER", b"x" * 256), "identity"),
        (ready(b"DEALER", b"\0x"), "identity"),
        (command(b"\x05READY" + prop(b"", b"x")), "ready"),
        (command(b"\x05READY" + prop(b"Socket-Type", b"DEALER")[:-1]), "ready"),
        (command(b"\x05READY\x0bSocket-Type\x00\x00\x00"), "ready"),
        (command(b"\x05READY\x0bSocket-Type\xff\xff\xff\xff"), "ready"),
        (command(b"\x05READY\x0bSocket"), "ready"),
        (command(b"\x05READY" + 2 * prop(b"Socket-Type", b"DEALER")), "ready"),
        (command(b"\x05HELLO"), "ready"),
        (command(b"\x04PING\0\0"), "ready"),
        (command(b"\x00"), "bad_command"),
        (command(b"x" * 9000)[:9], "bad_command"),
        (b"\x06\xff\xff\xff\xff\xff\xff\xff\xff", "bad_command"),
        (b"\x00\x05hello", "bad_frame"),
        (b"\x05\x05", "bad_frame"),
    ],
)
def test_faults_of_the_handshake_are_answered_with_an_error(data: bytes, reason: str) -> None:
    session = Session("ROUTER", is_server=True)
    session.receive(GREETING)
    error = refused(session, data)
    assert error.reason == reason
    assert error.messages == []
    assert session.peer is None
    assert session.take_output() == command(b"\x05ERROR" + bytes([len(reason)]) + reason.encode())


def test_an_error_of_the_peer_ends_the_handshake_without_an_answer() -> None:
    session = Session("ROUTER", is_server=True)
    error = refused(session, GREETING + command(b"\x05ERROR\x0asocket\0typ"))
    assert str(error) == r"refused: the peer says: socket\x00typ"
    assert session.take_output() == b""


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.product(FACING, FACING)))
def test_sockets_face_those_that_face_them(ours: str, theirs: str) -> None:
    session = Session(ours)
    data = GREETING + ready(theirs.encode())
    if theirs in FACING[ours]:
        session.receive(data)
        assert session.peer is not None
    else:
        assert refused(session, data).reason == "socket_type"
    assert (theirs in FACING[ours]) == (ours in FACING[theirs])


@pytest.mark.parametrize("kind", ["REP", "PUB", "PUSH", "PAIR"])
def test_identities_of_sockets_that_have_none_mean_nothing(kind: str) -> None:
    (facing, *_) = FACING[kind]
    session = Session(facing)
    session.receive(GREETING + ready(kind.encode(), b"\0" * 300))
    assert session.peer is not None
    assert session.peer.identity == b""


def test_a_mechanism_of_ones_own_takes_part() -> None:
    """PLAIN in outline: what the seam has to carry."""

    class Plain:
        name = b"PLAIN"

        def begin(self, metadata: bytes) -> bytes:
            self.metadata = metadata
            return b""

        def receive(self, name: bytes, body: bytes) -> tuple[bytes, bytes | None]:
            if name == b"HELLO":
                return command(b"\x07WELCOME"), None
            return command(b"\x05READY" + self.metadata), body

    session = Session("ROUTER", mechanism=Plain(), is_server=True)
    assert session.begin()[12:33] == b"PLAIN".ljust(20, b"\0") + b"\x01"
    session.receive(GREETING[:12] + b"PLAIN".ljust(20, b"\0") + bytes(32))
    session.receive(command(b"\x05HELLO\x04user\x04pass"))
    assert session.take_output() == b"\x04\x08\x07WELCOME"
    session.receive(command(b"\x08INITIATE" + prop(b"Socket-Type", b"DEALER")))
    assert session.peer is not None
    assert session.take_output() == ready(b"ROUTER", b"")
