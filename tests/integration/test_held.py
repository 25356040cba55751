"""What libzmq holds of large messages is known, to the message."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import wait_until
from zerorpc.transport.held import CAN_COUNT, Held

SIZE = 1 << 20
COUNT = 40


class Sender:
    """A ROUTER that counts what it has sent to its one peer."""

    def __init__(self, socket: zmq.Socket[bytes], peer: RawPeer) -> None:
        self.socket, self.held = socket, Held()
        bound = socket.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(bound, bytes)
        peer.socket.connect(bound.rstrip(b"\0").decode())
        peer.send_blob(b"hello")
        self.identity = socket.recv_multipart()[0]

    def send(self) -> None:
        self.socket.send(self.identity, zmq.SNDMORE)
        self.held.send_delimiter(self.socket, SIZE)
        self.socket.send(bytes(SIZE))


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with RawPeer(RCVHWM=1, RCVBUF=4096) as peer:
        yield peer


@pytest.fixture
def sender(peer: RawPeer) -> Iterator[Sender]:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
        yield Sender(socket, peer)


def test_the_libzmq_of_pyzmq_can_count() -> None:
    assert CAN_COUNT


def test_it_counts_what_the_peer_has_not_taken(sender: Sender, peer: RawPeer) -> None:
    held = sender.held
    for _ in range(COUNT):
        sender.send()
    assert not held.is_over()
    assert held.size_bytes > (COUNT // 2) * SIZE
    assert not held.has_room(SIZE, held.size_bytes)
    assert held.has_room(SIZE, held.size_bytes + SIZE)
    for _ in range(COUNT):
        assert peer.receive_frames() == [b"", bytes(SIZE)]
    wait_until(held.is_over, "all is taken")
    assert held.size_bytes == 0
    assert held.has_room(SIZE, 1), "one message may go, whatever its size"
    held.give_back()


def test_what_a_peer_leaves_behind_counts_no_more(sender: Sender, peer: RawPeer) -> None:
    for _ in range(COUNT):
        sender.send()
    peer.socket.close(linger=0)

    def is_dropped() -> bool:
        sender.socket.getsockopt(zmq.EVENTS)  # has libzmq take note of what has happened
        return sender.held.is_over()

    wait_until(is_dropped, "libzmq has dropped it")
    sender.held.give_back()


def test_a_counter_is_used_again(sender: Sender, peer: RawPeer) -> None:
    sender.send()
    peer.receive_frames()
    wait_until(sender.held.is_over, "it is taken")
    sender.held.give_back()
    sender.held = Held()
    assert sender.held.is_over()
    sender.send()
    peer.receive_frames()
    wait_until(sender.held.is_over, "it is taken")


def test_a_frame_that_cannot_be_sent_is_not_held(sender: Sender) -> None:
    with zmq.Context() as context:
        closed = context.socket(zmq.REP)  # which may only answer
        closed.linger = 0
        with pytest.raises(zmq.ZMQError):
            sender.held.send_delimiter(closed, SIZE)
        closed.close()
    assert sender.held.is_over()
