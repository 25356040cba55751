"""Listeners and dialers: where they bind, whom they let in, and what they do when it fails."""

from __future__ import annotations

import os
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.connection.ends import Ear, Place, place, raw, read_all
from tests.integration.running import wait_until
from zerorpc.connection import Address, Doorkeeper, parse
from zerorpc.errors import EndpointError


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.mark.parametrize(
    "endpoint", ["tcp://*:0", "tcp://0:*", "tcp://[::]:0", "tcp://localhost:*"]
)
def test_the_port_that_was_chosen_can_be_read(here: Place, endpoint: str) -> None:
    ear = Ear(echoes=True)
    listener = here.listen(ear, endpoint)
    port = parse(listener.endpoint).port
    assert port
    other = Ear()
    here.dial(other, f"tcp://localhost:{port}")
    other.await_ready().send([b"hello"])
    wait_until(lambda: other.heard == [[b"hello"]], "an echo")


def test_everyone_means_ipv4_and_ipv6(here: Place) -> None:
    port = parse(here.listen(Ear(), "tcp://[::]:0").endpoint).port
    for host in ("127.0.0.1", "[::1]"):
        here.dial(ear := Ear(), f"tcp://{host}:{port}")
        ear.await_ready()


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("tcp://127.0.0.1", "has no port"),
        ("tcp://127.0.0.1:65536", "has no port"),
        ("tcp://::1:4242", "brackets"),
        ("udp://127.0.0.1:4242", "no transport 'udp'"),
        ("4242", "is not an endpoint"),
        ("ipc://" + "x" * 108, "at most 107 bytes"),
        ("ipc:///nowhere/at/all", "cannot bind ipc:///nowhere/at/all: No such file or directory"),
        ("tcp://no.such.name.invalid:1", "no.such.name.invalid"),
        ("tcp://192.0.2.1:4242", "cannot bind tcp://192.0.2.1:4242: Cannot assign"),
    ],
)
def test_where_nothing_can_be_bound_the_error_says_why(
    here: Place, endpoint: str, says: str
) -> None:
    with pytest.raises(EndpointError, match=re.escape(says)):
        here.listen(Ear(), endpoint)


def test_a_port_in_use_is_said_to_be(here: Place, tmp_path: Path) -> None:
    for endpoint in ("tcp://127.0.0.1:*", f"ipc://{tmp_path}/socket"):
        taken = here.listen(Ear(), endpoint).endpoint
        with pytest.raises(EndpointError, match="another program listens there already"):
            here.listen(Ear(), taken)


def test_a_socket_on_which_nobody_accepts_is_in_use(here: Place, tmp_path: Path) -> None:
    taken, waiting = socket.socket(socket.AF_UNIX), []
    taken.bind(str(tmp_path / "socket"))
    taken.listen(0)
    with suppress(BlockingIOError):  # raised once its queue is full
        while True:
            waiting.append(guest := socket.socket(socket.AF_UNIX))
            guest.setblocking(False)
            guest.connect(str(tmp_path / "socket"))
    with pytest.raises(EndpointError, match="another program listens there already"):
        here.listen(Ear(), f"ipc://{tmp_path}/socket")
    for each in (taken, *waiting):
        each.close()


def test_a_socket_file_left_behind_is_replaced_but_no_other_file(
    here: Place, tmp_path: Path
) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "socket"))
    left.close()
    listener = here.listen(Ear(), f"ipc://{tmp_path}/socket")
    here.dial(ear := Ear(), listener.endpoint)
    ear.await_ready()
    listener.close()
    assert not (tmp_path / "socket").exists()
    (tmp_path / "precious").write_text("kept")
    with pytest.raises(EndpointError, match="is no socket"):
        here.listen(Ear(), f"ipc://{tmp_path}/precious")


def test_no_more_connections_than_allowed(here: Place) -> None:
    here.doorkeeper = Doorkeeper(2, 100)
    endpoint = here.listen(Ear()).endpoint
    guests = [raw(endpoint) for _ in range(2)]
    wait_until(lambda: here.doorkeeper.open == 2, "both are in")
    refused = raw(endpoint)
    assert read_all(refused) == b""
    refused.close()
    assert here.doorkeeper.refused == {"connections": 1}
    guests.pop().close()
    wait_until(lambda: here.doorkeeper.open == 1, "there is room again")
    guests.append(raw(endpoint))
    assert guests[-1].recv(10)
    for guest in guests:
        guest.close()


def test_no_more_connections_of_one_address_than_allowed(here: Place, tmp_path: Path) -> None:
    here.doorkeeper = Doorkeeper(100, 1)
    tcp, ipc = here.listen(Ear()).endpoint, here.listen(Ear(), f"ipc://{tmp_path}/s").endpoint
    guest, refused = raw(tcp), raw(tcp)
    assert read_all(refused) == b""
    assert here.doorkeeper.refused == {"connections_per_ip": 1}
    for _ in range(2):
        here.dial(ear := Ear(), ipc)
        ear.await_ready()
    guest.close()
    refused.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n"], ids=["closed", "finished"])
def test_an_owner_that_fails_at_an_end_holds_no_place(
    here: Place, said: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(Ear):
        def on_closed(self, connection: Any, reason: str) -> None:
            raise ZeroDivisionError("an owner's own fault")

    guest = raw(here.listen(Broken()).endpoint)
    wait_until(lambda: here.doorkeeper.open == 1, "it is in")
    guest.sendall(said)
    guest.shutdown(socket.SHUT_WR)
    wait_until(lambda: here.doorkeeper.open == 0, "it is out")
    guest.close()
    assert capsys.readouterr().err.count("ZeroDivisionError: an owner's own fault") == 1
    here.dial(other := Ear(), here.listen(Ear()).endpoint)
    other.await_ready()


def test_without_descriptors_it_rests_and_then_goes_on(here: Place) -> None:
    endpoint = here.listen(Ear()).endpoint
    first = raw(endpoint)
    wait_until(lambda: here.doorkeeper.open == 1, "it is in")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # This process needs a descriptor for its own end, and there is none left for the other.
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor() + 1, hard))
    try:
        late = raw(endpoint)
        wait_until(lambda: here.doorkeeper.refused["descriptors"] >= 2, "tried by a timer")
        assert here.doorkeeper.refused["descriptors"] < 10
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert late.recv(10)
    first.close()
    late.close()


def next_descriptor() -> int:
    free = os.dup(0)
    os.close(free)
    return free


def test_a_dialer_comes_back_when_its_listener_does(here: Place) -> None:
    first = Ear()
    listener = here.listen(first)
    other = Ear()
    dialer = here.dial(other, listener.endpoint)
    other.await_ready()
    assert dialer.is_up
    listener.close()
    first.await_ready().close("gone")
    other.await_reason("closed")
    wait_until(lambda: not dialer.is_up, "it knows")
    here.listen(second := Ear(), listener.endpoint)
    second.await_ready()
    wait_until(lambda: dialer.is_up, "it is back")


def test_a_dialer_without_descriptors_tries_until_there_are_some(
    here: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = here.listen(Ear()).endpoint
    resolve, tries = Address.resolve, []

    def counted(address: Address) -> Any:
        tries.append(address)
        return resolve(address)

    monkeypatch.setattr(Address, "resolve", counted)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor(), hard))
    try:
        dialer = here.dial(ear := Ear(), endpoint)
        wait_until(lambda: len(tries) >= 3, "it tries again and again")
        assert not dialer.is_up
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    ear.await_ready()


@pytest.mark.parametrize("endpoint", ["tcp://*:4242", "tcp://127.0.0.1:0"])
def test_nobody_can_be_reached_everywhere(here: Place, endpoint: str) -> None:
    with pytest.raises(EndpointError, match="names no one to connect to"):
        here.dial(Ear(), endpoint)
