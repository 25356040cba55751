"""Random conversations with libzmq: what it sends is what we would send, and it reads what we send.

For each pair of types libzmq is at one end and a session at the other, and both exchange the same
messages. Then a second session says libzmq's part: it must come to the same bytes, but for the
padding of the greeting, where libzmq writes the length of its identity for peers of ZMTP 1.0.
"""

from __future__ import annotations

import random

import pytest
import zmq

from tests.integration.zmtp.conftest import MakePeer, Meet, Socket
from tests.integration.zmtp.line import Line
from zerorpc.zmtp import Message, Session, encode

SMALL = (0, 0, 1, 2, 3, 20)
ANY = (*SMALL, 100, 254, 255, 256, 257, 4095, 4096, 4097, 8192, 65_535, 65_536, 200_000)
ROUNDS = 4
MESSAGES = 12
IDENTITY = b"\x01id of the peer"

# libzmq's type, ours, and who speaks.
PAIRS = [
    ("DEALER", "ROUTER", "both"),
    ("DEALER", "DEALER", "both"),
    ("DEALER", "REP", "both"),
    ("ROUTER", "DEALER", "both"),
    ("ROUTER", "ROUTER", "both"),
    ("ROUTER", "REQ", "both"),
    ("PAIR", "PAIR", "both"),
    ("PUSH", "PULL", "libzmq"),
    ("PULL", "PUSH", "we"),
    ("PUB", "SUB", "libzmq"),
    ("PUB", "XSUB", "libzmq"),
    ("XPUB", "SUB", "libzmq"),
    ("SUB", "PUB", "we"),
    ("SUB", "XPUB", "we"),
    ("XSUB", "PUB", "we"),
]


def random_message(source: random.Random, sizes: tuple[int, ...]) -> Message:
    count = source.choice((1, 1, 2, 2, 3, 9))
    return [source.randbytes(source.choice(sizes)) for _ in range(count)]


def wire(messages: list[Message]) -> bytes:
    return b"".join(part for message in messages for part in encode(message))


def without_padding(stream: bytes) -> bytes:
    return stream[:1] + bytes(8) + stream[9:]


def introduce(kind: str, peer: Socket, line: Line) -> list[bytes]:
    """Do what must come before a message; returns the frames that libzmq's user puts in front."""
    if kind == "ROUTER":
        # What it calls us, it tells with our first message.
        line.send([b"first"])
        name, *first = peer.recv_multipart()
        assert first == [b"first"]
        return [name]
    if kind in ("PUB", "XPUB"):
        line.say(line.session.subscription(b""))
    if kind == "XPUB":
        assert peer.recv() == b"\x01"
    elif kind == "PUB":
        # It does not tell when it has taken the subscription.
        while not line.is_readable(0.01):
            peer.send(b"probe")
    elif kind in ("SUB", "XSUB"):
        peer.send(b"\x01") if kind == "XSUB" else peer.setsockopt(zmq.SUBSCRIBE, b"")
        # It hears of a new connection in calls of its user only.
        while not line.is_readable(0.01):
            peer.getsockopt(zmq.EVENTS)
        assert line.receive() == [b"\x01"]
    return []


def converse(
    peer: Socket, line: Line, front: list[bytes], speakers: str, source: random.Random
) -> list[Message]:
    """Exchange messages in a random order, and return those that libzmq sent."""
    sizes = source.choice((SMALL, ANY))
    sent: list[Message] = []
    for _ in range(MESSAGES):
        message = random_message(source, sizes)
        if speakers == "libzmq" or (speakers == "both" and source.random() < 0.5):
            peer.send_multipart([*front, *message])
            sent.append(message)
        else:
            line.send(message)
            assert peer.recv_multipart() == [*front, *message]
    received: list[Message] = []
    while len(received) < len(sent):
        message = line.receive()
        if message == [b"probe"]:
            sent.insert(0, message)
        received.append(message)
    assert received == sent
    return sent


def said_by_a_session(kind: str, identity: bytes, greeting: bytes, sent: list[Message]) -> bytes:
    """Say libzmq's part with a session in its place."""
    twin = Session(kind, identity=identity)
    twin.receive(greeting)
    subscription = twin.subscription(b"") if kind in ("SUB", "XSUB") else b""
    return twin.begin() + twin.take_output() + subscription + wire(sent)


def check_every_cut(kind: str, stream: bytes, sent: list[Message], source: random.Random) -> None:
    """What was heard means the same wherever it is cut in two."""
    cuts = list(range(min(len(stream), 1500))) + source.choices(range(len(stream)), k=50)
    for cut in cuts:
        session = Session(kind)
        assert session.receive(stream[:cut]) + session.receive(stream[cut:]) == sent


@pytest.mark.parametrize(("theirs", "ours", "speakers"), PAIRS)
def test_both_understand_each_other_and_say_the_same_bytes(
    theirs: str, ours: str, speakers: str, meet: Meet, make_peer: MakePeer
) -> None:
    for seed in range(ROUNDS):
        source = random.Random(seed)
        peer = make_peer(theirs)
        identity = IDENTITY if theirs in ("DEALER", "ROUTER") and seed % 2 else b""
        if identity:
            peer.setsockopt(zmq.IDENTITY, identity)
        session = Session(ours, is_server=seed % 3 == 0)
        line = meet(session, peer, source)
        assert session.peer is not None
        assert (session.peer.socket_type, session.peer.identity) == (theirs, identity)
        front = introduce(theirs, peer, line)
        sent = converse(peer, line, front, speakers, source)
        heard = without_padding(bytes(line.heard))
        if theirs == "XSUB":
            # To publishers that it knows it passes on what its user sent, as in ZMTP 3.0.
            heard = heard.replace(b"\0\1\1", session.subscription(b""), 1)
        assert heard == said_by_a_session(theirs, identity, session.begin(), sent)
        subscribed = [[b"\x01"]] if theirs in ("SUB", "XSUB") else []
        check_every_cut(ours, heard, subscribed + sent, source)
        peer.close()


@pytest.mark.parametrize("ours", ["ROUTER", "REP"])
def test_requests_of_a_req_have_a_delimiter(ours: str, meet: Meet, make_peer: MakePeer) -> None:
    source = random.Random(1)
    peer = make_peer("REQ")
    line = meet(Session(ours, is_server=True), peer, source)
    sent = []
    for _ in range(MESSAGES):
        question, answer = random_message(source, ANY), random_message(source, ANY)
        peer.send_multipart(question)
        assert line.receive() == [b"", *question]
        sent.append([b"", *question])
        line.send([b"", *answer])
        assert peer.recv_multipart() == answer
    heard = without_padding(bytes(line.heard))
    assert heard == said_by_a_session("REQ", b"", line.session.begin(), sent)


@pytest.mark.parametrize("ours", ["DEALER", "REQ"])
def test_answers_of_a_rep_have_the_envelope(ours: str, meet: Meet, make_peer: MakePeer) -> None:
    source = random.Random(2)
    peer = make_peer("REP")
    line = meet(Session(ours), peer, source)
    sent = []
    for _ in range(MESSAGES):
        envelope = [b"hop"] * source.randrange(4) + [b""]
        question, answer = random_message(source, ANY), random_message(source, ANY)
        line.send(envelope + question)
        assert peer.recv_multipart() == question
        peer.send_multipart(answer)
        assert line.receive() == envelope + answer
        sent.append(envelope + answer)
    heard = without_padding(bytes(line.heard))
    assert heard == said_by_a_session("REP", b"", line.session.begin(), sent)
