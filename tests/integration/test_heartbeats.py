"""Heartbeats: who is judged lost, when, and that both ends learn of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import gevent
import pytest
import zmq

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    FAR_AWAY,
    Dial,
    Gate,
    Serve,
    begin,
    open_calls,
    outcome,
    wait_until,
)
from zerorpc.transport import watchdog as module
from zerorpc.transport.watchdog import Watchdog

INTERVAL = 0.1


def beats_of(raw: RawServer, count: int) -> list[float]:
    """The instants at which so many heartbeats came."""
    instants: list[float] = []
    while len(instants) < count:
        if raw.receive()[1] == "_zpc_hb":
            instants.append(time.monotonic())
    return instants


# -- silence -------------------------------------------------------------------------------------


def test_a_silent_server_is_lost_after_two_intervals_and_by_three(dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=INTERVAL, timeout=None)
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(zerorpc.LostRemote, match="without heartbeat"):
                client.method()
            # The upper bound, three intervals, is measured by the soak.
            assert time.monotonic() - began >= 2 * INTERVAL
    assert open_calls(client) == 0


def busy_in_slices(seconds: float) -> None:
    """Hold up the loop again and again, with one turn in between."""
    while True:
        time.sleep(seconds)
        gevent.sleep(0.001)  # by a timer: gevent runs 50 callbacks before it looks at those


def test_a_client_that_is_late_for_every_look_still_notices(dial: Dial) -> None:
    busy = begin(busy_in_slices, 2 * INTERVAL)
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=INTERVAL, timeout=20)
        with pytest.raises(zerorpc.LostRemote, match="without heartbeat"):
            client.method()
    busy.kill()


def test_a_server_that_is_late_for_every_look_still_notices(serve: Serve) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter}, heartbeat=INTERVAL)
    with RawPeer(server.endpoints[0]) as raw:
        channel = raw.send("slow", [])
        gate.await_entered()
        busy = begin(busy_in_slices, 2 * INTERVAL)
        name, args = raw.receive_answer(channel)
        assert (name, args[0]) == ("ERR", "LostRemote")
        busy.kill()


def test_items_alone_keep_a_stream_alive(dial: Dial) -> None:
    def answer(raw: RawServer) -> None:
        request = raw.take()
        raw.answer(request, "STREAM", 0)
        raw.take()  # the promise of more
        for number in range(1, 12):
            gevent.sleep(INTERVAL / 2)
            raw.answer(request, "STREAM", number)
        raw.answer(request, "STREAM_DONE", None)

    with RawServer() as raw:
        begin(answer, raw)
        assert list(dial(raw.endpoint, heartbeat=INTERVAL).method()) == list(range(12))


def test_a_silent_client_is_told_that_it_is_lost(serve: Serve) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter}, heartbeat=INTERVAL)
    with RawPeer(server.endpoints[0]) as raw:
        name, args = raw.receive_answer(raw.send("slow", []))
        assert (name, args[0]) == ("ERR", "LostRemote")
        assert gate.ended == ["LostRemote"]
        assert server.statistics()["open_channels"] == 0
        assert raw.call("_zerorpc_ping") == ("OK", [["pong", "dict"]])


# -- intervals that differ -----------------------------------------------------------------------


@pytest.mark.parametrize("theirs", [FAR_AWAY, None])
def test_a_client_that_beats_too_seldom_is_told_so(
    serve: Serve, dial: Dial, theirs: float | None
) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}, heartbeat=INTERVAL), heartbeat=theirs)
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.slow()
    assert caught.value.name == "LostRemote"
    assert gate.ended == ["LostRemote"]
    assert client._zerorpc_ping() == ["pong", "dict"]


@pytest.mark.parametrize("theirs", [FAR_AWAY, None])
def test_a_server_that_beats_too_seldom_is_lost_and_told_so(
    serve: Serve, dial: Dial, theirs: float | None
) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}, heartbeat=theirs), heartbeat=INTERVAL)
    with pytest.raises(zerorpc.LostRemote):
        client.slow()
    wait_until(lambda: gate.ended == ["LostRemote"], "the handler is ended")


def test_without_heartbeats_at_either_end_nobody_is_judged(serve: Serve, dial: Dial) -> None:
    gate = Gate()
    client = dial(serve({"slow": gate.enter}, heartbeat=None), heartbeat=None)
    calling = begin(client.slow)
    bystander = dial(serve({"slow": gate.enter}, heartbeat=None), heartbeat=INTERVAL)
    with pytest.raises(zerorpc.LostRemote):
        bystander.slow()  # so long, at least, nothing has happened
    assert not calling.ready()
    gate.open()
    assert outcome(calling) == "passed"


# -- who begins ----------------------------------------------------------------------------------


def test_a_client_beats_from_the_first_interval_on(dial: Dial) -> None:
    with RawServer() as raw:
        began = time.monotonic()
        begin(dial(raw.endpoint, heartbeat=INTERVAL).method)
        first, second = beats_of(raw, 2)
        assert first - began >= 0.9 * INTERVAL
        assert second - first >= 0.5 * INTERVAL


def test_a_passive_client_beats_once_it_was_beaten(dial: Dial) -> None:
    with RawServer() as raw:
        calling = begin(dial(raw.endpoint, heartbeat=INTERVAL, passive_heartbeat=True).method)
        request = raw.take()
        active = begin(dial(raw.endpoint, heartbeat=INTERVAL).method)
        with pytest.raises(zerorpc.LostRemote):
            outcome(active)  # as long as this takes the passive one is neither heard nor lost
        assert not calling.ready()
        while raw.socket.poll(0):
            assert raw.receive()[0].get("response_to") != request.header["message_id"]
        raw.answer(request, "_zpc_hb", [0])
        assert beats_of(raw, 1)
        with pytest.raises(zerorpc.LostRemote):
            outcome(calling)


def test_a_server_does_not_beat_a_peer_of_version_1_first(serve: Serve) -> None:
    gate = Gate()
    server = serve({"slow": gate.enter}, heartbeat=INTERVAL)
    with RawPeer(server.endpoints[0]) as raw:
        channel = raw.send("slow", [], v=1)
        other = raw.send("slow", [])
        assert raw.receive_answer(other)[0] == "ERR"  # this one beats not, and was lost by now
        gate.open()
        assert raw.receive_answer(channel) == ("OK", ["passed"])


# -- a process that is busy ----------------------------------------------------------------------


class Faulty:
    """Fails: with a ZMQError as a socket does whose context was ended under it."""

    interval: float | None = INTERVAL

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.looks = 0
        self.told: list[Exception] = []

    def beat_if_overdue(self) -> None:
        self.looks += 1
        raise self.error

    def tell_of_failed_beat(self, error: Exception) -> None:
        self.told.append(error)


def no_thread(*_: object) -> None:
    """Fail as Python does where the process may have no more threads."""
    raise RuntimeError("can't start new thread")


class Counting:
    """Counts how often it was looked after."""

    interval: float | None = INTERVAL

    def __init__(self) -> None:
        self.beats = 0

    def beat_if_overdue(self) -> None:
        self.beats += 1

    def tell_of_failed_beat(self, error: Exception) -> None:
        raise AssertionError(error)


def test_what_fails_to_beat_does_not_keep_others_from_it() -> None:
    watchdog, faulty, others = Watchdog(), Faulty(zmq.ContextTerminated()), Counting()
    watchdog.add(faulty)
    watchdog.add(others)
    wait_until(lambda: others.beats > 3, "the others are looked after")
    watchdog.discard(others)  # the last, so that the thread ends


def test_a_mistake_in_one_beat_is_told_once_and_ends_nothing() -> None:
    error = RuntimeError("a mistake")
    watchdog, faulty, others = Watchdog(), Faulty(error), Counting()
    watchdog.add(faulty)
    watchdog.add(others)
    wait_until(lambda: faulty.looks > 3 < others.beats, "both are looked after")
    assert faulty.told == [error]
    watchdog.discard(faulty)
    watchdog.discard(others)


def test_a_failed_beat_is_logged_by_the_loop(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve({"echo": lambda value: value}, heartbeat=INTERVAL)

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(server._driver._deputy, "act", fail)
    wait_until(lambda: "a mistake" in caplog.text, "it is logged")
    assert "the watchdog's heartbeat failed" in caplog.text


def test_a_watchdog_whose_thread_could_not_be_started_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watchdog, first, second = Watchdog(), Counting(), Counting()
    monkeypatch.setattr(module, "start_thread", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        watchdog.add(first)
    monkeypatch.undo()
    watchdog.add(second)
    wait_until(lambda: second.beats > 3, "it is looked after")
    assert first.beats == 0
    watchdog.discard(second)


def test_a_watchdog_whose_thread_has_ended_starts_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watchdog, first, second = Watchdog(), Counting(), Counting()
    started: list[Callable[[], None]] = []
    monkeypatch.setattr(module, "start_thread", lambda functor, _: started.append(functor))
    watchdog.add(first)
    monkeypatch.setattr(first, "beat_if_overdue", sys.exit)
    with pytest.raises(SystemExit):
        started[0]()
    watchdog.add(second)
    assert len(started) == 2
    monkeypatch.undo()
    watchdog.discard(first)
    watchdog.discard(second)
    started[1]()  # which ends at once, with nothing to look after
