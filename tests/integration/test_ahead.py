"""What is received before its turn has a bound in bytes, not in messages alone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import ANY_PORT, PATIENCE, Gate, Keep, Serve, begin, wait_until

MIB = 1 << 20


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with RawPeer() as peer:
        yield peer


def test_the_watchdog_reads_so_many_bytes_ahead_and_no_more(serve: Serve, peer: RawPeer) -> None:
    calls = 24
    server = serve({"size": len}, heartbeat=None)
    peer.socket.connect(server.endpoints[0])
    assert peer.call("size", b"") == ("OK", [0])
    pump, read = server._driver.pump, 0
    asked = [peer.send("size", [bytes(4 * MIB)]) for _ in range(calls)]
    # As its thread does while the loop is held up: no greenlet runs meanwhile.
    deadline = time.monotonic() + PATIENCE
    while read < 16:
        read += len(pump.read_ahead())
        assert time.monotonic() < deadline
    assert read == 16
    assert pump.read_ahead() == []
    assert [peer.receive()[0]["response_to"] for _ in asked] == asked


def test_a_puller_takes_so_many_bytes_and_no_more(keep: Keep) -> None:
    """Until what it has taken is handled; the rest waits with ZeroMQ, and then with the pushers."""
    count, gate = 100, Gate()
    handled: list[int] = []

    def note(number: int, _: bytes) -> None:
        gate.enter()
        handled.append(number)

    limits = zerorpc.Limits(waiting_bytes=MIB)
    puller = keep(zerorpc.Puller({"note": note}, limits=limits))
    (endpoint,) = puller.bind(ANY_PORT)
    running = begin(puller.run)
    pusher = keep(zerorpc.Pusher())
    pusher.connect(endpoint)
    for number in range(count):
        pusher.note(number, bytes(MIB // 8))
    wait_until(lambda: not puller._pump._is_reading, "it has taken enough")
    assert puller.statistics()["events_received"] < count // 2
    gate.open()
    wait_until(lambda: len(handled) == count, "all are handled")
    assert handled == list(range(count))
    puller.stop()
    running.join()
