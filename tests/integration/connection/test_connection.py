"""One connection: what goes through it, what it holds back, and how it ends."""

from __future__ import annotations

import gc
import signal
import socket
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import zmq.green as zmq

from tests.integration.connection.ends import Ear, Place, place, raw, read_all
from tests.integration.running import wait_until
from zerorpc.connection import Dialer, switchboard
from zerorpc.zmtp import Session

LARGE = b"x" * (5 << 20)
# A libzmq peer that lives until its standard input ends.
SILENT_PEER = """
import sys, zmq
sock = zmq.Context.instance().socket(zmq.DEALER)
sock.linger = 0
sock.connect(sys.argv[1])
sys.stdin.read()
"""

WATCHFUL = {"ping_after": 0.01, "dead_after": 0.2, "scan": 0.02}

Make = Callable[[int, str], Any]


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture
def peer() -> Iterator[Make]:
    """Make connected sockets of libzmq."""
    context = zmq.Context()
    made = []

    def make(kind: int, endpoint: str) -> Any:
        sock = context.socket(kind)
        made.append(sock)
        sock.linger = 0
        sock.ipv6 = "[" in endpoint
        sock.connect(endpoint)
        return sock

    yield make
    for sock in made:
        sock.close()
    context.term()


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:*", "tcp://[::1]:0", "ipc://{}/s"])
def test_messages_of_every_size_pass_both_ways(
    here: Place, peer: Make, where: str, tmp_path: Path
) -> None:
    listener = here.listen(Ear(echoes=True), where.format(tmp_path))
    sock = peer(zmq.DEALER, listener.endpoint)
    messages = [[b""], [b"", b"one"], [b"a" * 255, b"b" * 256, b""], [b"", LARGE], [b"after"]]
    for message in messages:
        sock.send_multipart(message)
    assert [sock.recv_multipart() for _ in messages] == messages


def test_what_a_peer_does_not_take_waits_and_is_told(here: Place, peer: Make) -> None:
    ear = Ear()
    sock = peer(zmq.DEALER, here.listen(ear).endpoint)
    connection = ear.await_ready()
    sock.rcvhwm = 1
    sent = 0
    while not connection.is_full:
        connection.send([b"%d" % sent, LARGE])
        here.board.flush()
        sent += 1
    assert ear.full == [connection]
    assert not ear.drained
    for number in range(sent):
        assert sock.recv_multipart() == [b"%d" % number, LARGE]
    assert ear.drained == [connection]
    assert connection.unsent() == b""
    assert not ear.closed


def test_a_peer_that_takes_nothing_is_closed_at_its_bound() -> None:
    with place(full_bytes=100_000, most_bytes=10 << 20) as here:
        ear = Ear()
        silent = raw(here.listen(ear).endpoint)
        silent.sendall(GREETING)
        connection = ear.await_ready()
        while connection.is_open:
            connection.send([LARGE])
            here.board.flush()
        assert ear.reasons == ["slow_reader"]
        assert here.board.closed == {"slow_reader": 1}
        # The system gets back what was queued for it, with the next look at all connections.
        assert here.board.left_bytes > 10 << 20
        wait_until(lambda: not here.board.left_bytes, "the memory is given back")
        silent.close()


# A message of two frames, of which the second one is not whole.
PARTIAL = b"\1\5first\2" + (10 << 20).to_bytes(8, "big") + LARGE


@pytest.mark.parametrize("is_at_once", [True, False])
def test_a_part_of_a_message_goes_with_its_connection(
    monkeypatch: pytest.MonkeyPatch, *, is_at_once: bool
) -> None:
    returned: list[int] = []
    monkeypatch.setattr(switchboard, "return_freed_memory", lambda: returned.append(1))
    with place(scan=0.02) as here:
        ear = Ear()
        speaks = raw(here.listen(ear).endpoint)
        speaks.sendall(GREETING + PARTIAL)
        connection = ear.await_ready()
        wait_until(lambda: connection.session.missing == 5 << 20, "all of it is read")
        assert not returned
        if is_at_once:
            connection.close("kicked")
        else:
            connection.finish("kicked")  # its peer may take its time to hang up, too
            assert connection.is_open
        assert here.board.left_bytes == len(b"first") + len(LARGE)
        assert connection.session.forget() == 0
        wait_until(lambda: returned, "the memory is given back")
        assert (returned, here.board.left_bytes) == ([1], 0)
        speaks.close()


def test_memory_is_given_back_only_where_it_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    returned: list[int] = []
    monkeypatch.setattr(switchboard, "return_freed_memory", lambda: returned.append(1))
    with place(scan=0.02) as here:
        here.board.connections.add(looked := Looked())
        here.board.left_bytes = (1 << 20) - 1
        wait_until(lambda: looked.times >= 2, "the first look is over")
        assert not returned
        here.board.left_bytes += 1
        wait_until(lambda: returned, "the memory is given back")
        here.board.connections.discard(looked)


class Looked:
    """Stands in for a connection, to count how often all are looked at."""

    times = 0

    def flush(self) -> None:
        """Do nothing: nothing is sent here."""

    def check(self, now: float, *, is_fair: bool) -> None:
        self.times += 1

    def close(self, reason: str) -> None:
        """Do nothing: nothing is open here."""


@dataclass
class Customer:
    """What an owner knows a connection by; the two know each other."""

    peer: Any


class Forgetful(Ear):
    """An owner that keeps no connection after its end."""

    def __init__(self) -> None:
        super().__init__()
        self.met: list[weakref.ref[Any]] = []

    def on_ready(self, connection: Any) -> None:
        self.met.append(weakref.ref(connection.session))
        connection.tag = customer = Customer(connection)
        connection.count_unread = lambda: id(customer)

    def on_closed(self, connection: Any, reason: str) -> None:
        assert connection.tag.peer is connection
        self.closed.append((None, reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "reason"), [(b"", "closed"), (PARTIAL, "closed"), (b"\xff" * 20, "bad_frame")]
)
def test_nothing_is_left_of_a_connection_without_a_look_for_cycles(
    here: Place, said: bytes, reason: str
) -> None:
    ear = Forgetful()
    endpoint = here.listen(ear).endpoint
    gc.disable()
    try:
        with raw(endpoint) as speaks:
            speaks.sendall(GREETING)
            wait_until(lambda: ear.met, "a handshake is over")
            speaks.sendall(said)
            speaks.shutdown(socket.SHUT_WR)
            read_all(speaks)
        wait_until(lambda: here.board.closed == {reason: 1}, f"closed: {reason}")
        assert ear.met[0]() is None
    finally:
        gc.enable()


def test_nothing_is_left_of_a_connection_of_a_dialer_that_was_closed_before(here: Place) -> None:
    ear = Forgetful()
    endpoint = here.listen(Ear()).endpoint
    gc.disable()
    try:
        dialer = Dialer(here.board, ear, endpoint, lambda: Session("DEALER"), here.patience)
        wait_until(lambda: ear.met, "a handshake is over")
        dialer.close()
        del dialer
        here.board.close("closed_here")
        assert ear.met[0]() is None
    finally:
        gc.enable()


def test_a_full_connection_that_does_not_move_is_closed() -> None:
    with place(full_bytes=100_000, stalled=0.1, scan=0.02) as here:
        ear = Ear()
        silent = raw(here.listen(ear).endpoint)
        silent.sendall(GREETING)
        connection = ear.await_ready()
        connection.send([LARGE])
        connection.send([LARGE])
        ear.await_reason("slow_reader")
        assert ear.full == [connection]
        silent.close()


def test_what_never_left_can_be_told_exactly(here: Place) -> None:
    ear = Ear()
    silent = raw(here.listen(ear).endpoint)
    silent.sendall(GREETING)
    connection = ear.await_ready()
    for _ in range(100):
        connection.send([b"", LARGE[:100_000]])
    here.board.flush()
    for _ in range(3):
        connection.send([b"behind the rest"])
    connection.close("cut")
    # libzmq's headers: an empty frame with more to come, and a long last one.
    begun = read_all(silent).count(b"\1\0\2" + (100_000).to_bytes(8, "big"))
    assert 0 < begun < 100
    assert connection.unsent_messages == 100 - begun + 3
    assert (
        connection.take_back()
        == [[b"", LARGE[:100_000]]] * (100 - begun) + [[b"behind the rest"]] * 3
    )
    silent.close()


def test_a_paused_connection_is_read_only_when_resumed(here: Place, peer: Make) -> None:
    ear = Ear()
    sock = peer(zmq.DEALER, here.listen(ear).endpoint)
    connection = ear.await_ready()
    connection.pause()
    connection.pause()
    sock.send(b"held back")
    connection.resume()
    other = peer(zmq.DEALER, here.listen(Ear(echoes=True)).endpoint)
    other.send(b"meanwhile")
    assert other.recv() == b"meanwhile"
    assert not ear.heard
    connection.resume()
    wait_until(lambda: ear.heard == [[b"held back"]], "read after all")


def test_the_end_of_a_paused_connection_is_noticed_unless_something_is_left_to_read() -> None:
    with place(scan=0.02) as here:
        ear = Ear()
        endpoint = here.listen(ear).endpoint
        silent, speaks, kept = ends = [raw(endpoint) for _ in range(3)]
        connections = []
        for count, each in enumerate(ends, 1):
            each.sendall(GREETING)
            wait_until(lambda: len(ear.ready) == count, "a handshake is over")  # noqa: B023
            connections.append(ear.ready[-1])
            ear.ready[-1].pause()
        speaks.sendall(b"\0\4last")
        connections[2].is_holding = True
        for each in (speaks, kept, silent):
            assert not connections[ends.index(each)].has_ended
            each.shutdown(socket.SHUT_WR)  # closing would be a reset: it has not read our greeting
        ear.await_reason("closed")
        assert [connection for connection, _ in ear.closed] == [connections[0]]
        wait_until(lambda: all(each.has_ended for each in connections), "all of them have gone")
        connections[1].resume()
        wait_until(lambda: ear.heard == [[b"last"]], "it is heard after all")
        connections[2].is_holding = False
        wait_until(lambda: not here.board.connections, "nothing is left")
        for each in ends:
            each.close()


def test_the_reset_of_a_paused_connection_is_noticed() -> None:
    with place(scan=0.02) as here:
        ear = Ear()
        peer = raw(here.listen(ear).endpoint)
        peer.sendall(GREETING)
        ear.await_ready().pause()
        peer.close()
        ear.await_reason("reset")


def test_what_is_queued_goes_out_before_the_end(here: Place, peer: Make) -> None:
    ear = Ear()
    sock = peer(zmq.DEALER, here.listen(ear).endpoint)
    connection = ear.await_ready()
    connection.pause()
    sock.send(b"never read, so that closing at once would reset the connection")
    for number in range(20):
        connection.send([b"%d" % number, LARGE])
    connection.finish("drained")
    assert ear.reasons == ["drained"]
    for number in range(20):
        assert sock.recv_multipart() == [b"%d" % number, LARGE]
    wait_until(lambda: here.board.closed == {"drained": 1}, "closed in the end")
    assert ear.reasons == ["drained"]


def test_a_peer_that_goes_is_noticed_at_once(here: Place, peer: Make) -> None:
    ear = Ear()
    sock = peer(zmq.DEALER, here.listen(ear).endpoint)
    ear.await_ready()
    sock.close()
    ear.await_reason("closed")


def test_silence_of_a_living_peer_is_no_death() -> None:
    with place(**WATCHFUL) as here, SilentPeer(here) as (ear, _):
        connection = ear.ready[0]
        wait_until(lambda: connection.session.pongs >= 3, "answers to PING")
        assert not ear.closed


def test_a_frozen_peer_is_dead() -> None:
    with (
        place(ping_after=0.01, dead_after=0.5, scan=0.05) as here,
        SilentPeer(here) as (ear, process),
    ):
        process.send_signal(signal.SIGSTOP)
        ear.await_reason("silent")


def test_a_frozen_peer_with_a_full_queue_may_be_alive() -> None:
    with (
        place(ping_after=0.01, dead_after=0.05, scan=0.05) as here,
        SilentPeer(here) as (ear, process),
    ):
        connection = ear.ready[0]
        process.send_signal(signal.SIGSTOP)
        for _ in range(2000):
            connection.send([b"fills its queue"])
        ear.await_reason("silent")
        assert connection.unheard >= 2000


class SilentPeer:
    """A libzmq peer in a process of its own, that says nothing."""

    def __init__(self, here: Place) -> None:
        self.ear = Ear()
        endpoint = here.listen(self.ear).endpoint
        self.process = subprocess.Popen(
            [sys.executable, "-c", SILENT_PEER, endpoint], stdin=subprocess.PIPE
        )
        self.ear.await_ready()

    def __enter__(self) -> tuple[Ear, subprocess.Popen[bytes]]:
        return self.ear, self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


GREETING = (
    b"\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL".ljust(64, b"\0")
    + b"\4\x1c\5READY\x0bSocket-Type\0\0\0\6DEALER"
)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n", "http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\1" * 600, "tls"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "greeting"),
        (GREETING.replace(b"DEALER", b"PULL\0\0"), "socket_type"),
        (GREETING + b"\xff" * 20, "bad_frame"),
    ],
)
def test_whoever_speaks_otherwise_is_refused_with_a_reason(
    here: Place, said: bytes, reason: str
) -> None:
    ear = Ear()
    stranger = raw(here.listen(ear).endpoint)
    stranger.sendall(said)
    read_all(stranger)
    stranger.close()
    wait_until(lambda: here.board.closed == {reason: 1}, f"refused: {reason}")


def test_whoever_never_speaks_is_hung_up_on() -> None:
    with place(handshake=0.1, scan=0.05) as here:
        silent = raw(here.listen(Ear()).endpoint)
        assert read_all(silent).startswith(b"\xff")
        silent.close()
        wait_until(lambda: here.board.closed == {"handshake_timeout": 1}, "counted")


def test_a_port_scan_is_counted(here: Place) -> None:
    raw(here.listen(Ear()).endpoint).close()
    wait_until(lambda: here.board.closed == {"never_spoke": 1}, "counted")


def test_an_owner_that_fails_loses_that_connection_only(
    here: Place, peer: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Ear):
        def on_messages(self, connection: Any, messages: Any) -> None:
            raise ZeroDivisionError("an owner's own fault")

    listener = here.listen(broken := Broken())
    peer(zmq.DEALER, listener.endpoint).send(b"cause")
    broken.await_reason("internal_error")
    assert "an owner's own fault" in capsys.readouterr().err
    wait_until(lambda: len(broken.ready) >= 2, "others, and the same again, are welcome")
