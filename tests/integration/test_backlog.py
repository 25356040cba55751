"""What waits because a peer does not read is bounded, and harms nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import (
    ANY_PORT,
    PATIENCE,
    Dial,
    Gate,
    Keep,
    Serve,
    begin,
    outcome,
    wait_until,
)
from zerorpc.transport import options, router
from zerorpc.wire import Frames

LITTLE = 100_000  # bytes


@pytest.fixture
def deaf() -> Iterator[RawPeer]:
    """A peer that takes no more than a few kilobytes unless it reads."""
    with RawPeer(RCVHWM=1, RCVBUF=4096) as peer:
        yield peer


def test_refusals_do_not_pile_up_for_a_peer_that_never_reads(serve: Serve, deaf: RawPeer) -> None:
    requests = 20_000
    server = serve(
        {"wait": Gate().enter},
        heartbeat=None,
        limits=zerorpc.Limits(channels_per_peer=1, backlog_bytes=LITTLE),
    )
    deaf.socket.connect(server.endpoints[0])
    for number in range(requests):
        deaf.send("wait", [], message_id=b"%0250d" % number)  # which comes back with each refusal
    wait_until(
        lambda: server.statistics()["refused"].get("Overloaded") == requests - 1, "all are refused"
    )
    assert server.statistics()["queued_messages"] < 1000


@zerorpc.stream
def chunks() -> Iterator[bytes]:
    while True:
        yield bytes(LITTLE)


def test_room_that_comes_late_does_not_disturb_the_next_call(
    serve: Serve, dial: Dial, deaf: RawPeer
) -> None:
    """Who waited for it is gone, and its greenlet serves somebody else by then."""
    gate = Gate()
    server = serve(
        {"chunks": chunks, "wait": gate.enter},
        pool_size=1,
        heartbeat=None,
        limits=zerorpc.Limits(backlog_bytes=LITTLE),
    )
    deaf.socket.connect(server.endpoints[0])
    channel = deaf.send("chunks", [])
    deaf.send("_zpc_more", [1000], response_to=channel)
    wait_until(lambda: server.statistics()["queued_messages"], "the peer takes no more")
    deaf.send("_zpc_close", [], response_to=channel)
    waiting = begin(dial(server).wait)
    gate.await_entered()
    reading = gevent.spawn(read_all, deaf.socket)
    wait_until(lambda: not server.statistics()["queued_messages"], "the peer has read it all")
    gate.open()
    assert outcome(waiting) == "passed"
    reading.kill()


def test_calls_of_a_peer_that_takes_no_answer_are_put_off(serve: Serve, deaf: RawPeer) -> None:
    """Large answers are bounded in bytes, not by the thousand messages that libzmq would queue."""
    calls, served = 200, []

    def answer(number: int) -> bytes:
        served.append(number)
        return bytes(LITTLE)

    server = serve(
        {"answer": answer}, heartbeat=None, limits=zerorpc.Limits(backlog_bytes=10 * LITTLE)
    )
    deaf.socket.connect(server.endpoints[0])
    asked = [deaf.send("answer", [number]) for number in range(calls)]
    wait_until(lambda: server.statistics()["open_channels"], "the peer takes no more")
    wait_until(lambda: server.statistics()["events_received"] == calls, "all calls have come")
    counters = server.statistics()
    assert counters["waiting"] > calls // 4
    assert counters["running"] <= 64  # one batch, at most
    assert len(served) + counters["waiting"] == calls
    assert [deaf.receive()[0]["response_to"] for _ in asked] == asked
    assert served == list(range(calls))
    assert server.statistics()["waiting"] == server.statistics()["open_channels"] == 0


def test_what_found_no_room_goes_out_when_there_is_some(
    serve: Serve, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not when a timer looks again: each time cost a stream 2 ms, or up to 100."""
    monkeypatch.setattr(options, "HIGH_WATER_MARK", 20)
    monkeypatch.setattr(router, "_RETRY_S", 2 * PATIENCE)
    found_none: list[object] = []
    park = router.RouterPump._park

    def noted(self: router.RouterPump, frames: Frames) -> None:
        found_none.append(frames)
        park(self, frames)

    monkeypatch.setattr(router.RouterPump, "_park", noted)
    client = dial(serve({"count": zerorpc.stream(range)}))
    assert list(client.count(20_000)) == list(range(20_000))
    assert found_none


def test_what_waits_for_a_peer_that_is_lost_is_let_go(serve: Serve, deaf: RawPeer) -> None:
    server = serve({"chunks": chunks}, heartbeat=0.1)
    deaf.socket.connect(server.endpoints[0])
    channel = deaf.send("chunks", [])
    deaf.send("_zpc_more", [1000], response_to=channel)
    wait_until(lambda: server.statistics()["queued_messages"], "the peer takes no more")
    wait_until(lambda: not server.statistics()["queued_messages"], "it is lost, and all of its own")
    assert server.statistics()["open_channels"] == 0


def read_all(socket: Any) -> None:
    while True:
        socket.recv_multipart()


def test_everyone_who_waits_for_room_goes_on_in_order(keep: Keep) -> None:
    """A thousand push at once through a backlog that holds five of their messages."""
    count = 1000
    received: list[int] = []
    puller = keep(zerorpc.Puller({"note": lambda number, _: received.append(number)}))
    pusher = keep(zerorpc.Pusher(limits=zerorpc.Limits(backlog_bytes=LITTLE)))
    (endpoint,) = puller.bind(ANY_PORT)
    pusher.connect("tcp://127.0.0.1:1")  # where nobody is yet
    pushing = [begin(pusher.note, number, bytes(LITTLE // 5)) for number in range(count)]
    assert not pushing[-1].ready()
    pusher.connect(endpoint)
    running = begin(puller.run)
    gevent.joinall(pushing, timeout=PATIENCE, raise_error=True)
    wait_until(lambda: len(received) == count, "all have come")
    assert received == list(range(count))
    assert not pusher._pump.waitlist
    puller.stop()
    outcome(running)


def test_who_gives_up_waiting_for_room_leaves_nothing_behind(keep: Keep, dial: Dial) -> None:
    bounds = zerorpc.Limits(backlog_bytes=0)
    pusher = keep(zerorpc.Pusher(timeout=0.01, limits=bounds))
    client = dial("tcp://127.0.0.1:1", limits=bounds)
    pusher.connect("tcp://127.0.0.1:1")
    pusher.fill()
    filling = begin(client.fill, timeout=None)
    for _ in range(3):
        with pytest.raises(zerorpc.TimeoutExpired):
            pusher.more()
        with pytest.raises(zerorpc.TimeoutExpired):
            client.more(timeout=0.01)
    assert not pusher._pump.waitlist
    assert not client._routes.choose().pump.waitlist
    filling.kill()
