"""How a Puller ends: after its message, and what it had received is kept, or counted."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import gevent
import pytest
import zmq
from msgpack import packb

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import ANY_PORT, Gate, Keep, begin, outcome, wait_until

SIZE = 10_000  # bytes of an argument


class Interruption(Exception):
    """Comes from outside."""


class Work:
    """Notes what it is given, and waits at a gate first."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.done: list[int] = []

    def note(self, number: int, _load: bytes = b"") -> None:
        """Wait, then note."""
        self.gate.enter()
        self.done.append(number)


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def puller(keep: Keep, work: Work) -> zerorpc.Puller:
    made: zerorpc.Puller = keep(zerorpc.Puller({"note": work.note}))
    return made


def push(keep: Keep, puller: zerorpc.Puller, count: int) -> None:
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    for number in range(count):
        pusher.note(number)


def test_run_ends_after_the_message_that_is_being_handled(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    running = begin(puller.run)
    push(keep, puller, 5)
    wait_until(lambda: puller.statistics()["events_received"] == 5, "all have come")
    puller.stop()
    assert not running.ready()
    work.gate.open()
    outcome(running)
    assert work.done == [0]


def test_what_was_received_is_handled_by_the_next_run(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    running = begin(puller.run)
    push(keep, puller, 500)
    wait_until(lambda: puller.statistics()["events_received"] == 500, "all have come")
    puller.stop()
    work.gate.open()
    outcome(running)
    running = begin(puller.run)
    wait_until(lambda: len(work.done) == 500, "all are handled")
    puller.stop()
    outcome(running)
    assert work.done == list(range(500))


def test_nothing_is_read_while_the_last_message_takes_its_time(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    pusher = keep(zerorpc.Pusher(timeout=0.5, limits=zerorpc.Limits(backlog_bytes=SIZE)))
    for end in (puller, pusher):
        # Or libzmq and the system would hold more than a puller may.
        end._pump.socket.set_hwm(1)
        end._pump.socket.rcvbuf = end._pump.socket.sndbuf = 4096
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    pusher.note(0)
    work.gate.await_entered()
    puller.stop()
    sent = 1
    with contextlib.suppress(zerorpc.TimeoutExpired):
        while sent < 500:
            pusher("note", sent, bytes(SIZE))
            sent += 1
    assert sent < 500, "the pusher was to be held back"
    assert puller.statistics()["events_received"] == 1
    work.gate.open()
    outcome(running)
    running = begin(puller.run)
    wait_until(lambda: len(work.done) == sent, "nothing was lost")
    puller.stop()
    outcome(running)
    assert work.done == list(range(sent))


def test_runs_that_are_stopped_do_not_add_up_what_waits(keep: Keep) -> None:
    gates = [Gate()]
    limits = zerorpc.Limits(waiting_bytes=10 * SIZE)
    puller = keep(zerorpc.Puller({"pass_by": lambda _: gates[-1].enter()}, limits=limits))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    for _ in range(500):
        pusher.pass_by(bytes(SIZE))
    waiting = []
    for handled in range(1, 4):
        running = begin(puller.run)
        gates[-1].await_entered()
        wait_until(lambda: not puller._pump._is_reading, "it has enough")
        waiting.append(puller.statistics()["events_received"] - handled)
        puller.stop()
        gates.append(Gate())
        gates[-2].open()
        outcome(running)
    assert waiting == [waiting[0], waiting[0] - 1, waiting[0] - 2]
    gates[-1].open()
    running = begin(puller.run)
    wait_until(lambda: gates[-1].entered == 497, "nothing was lost, and it reads again")
    puller.stop()
    outcome(running)


def test_a_method_may_stop_its_own_puller(keep: Keep) -> None:
    done: list[int] = []

    def note(number: int) -> None:
        done.append(number)
        stopper.stop()

    stopper = keep(zerorpc.Puller({"note": note}))
    push(keep, stopper, 5)
    for round_ in range(1, 6):
        outcome(begin(stopper.run))
        assert done == list(range(round_))


def test_close_ends_the_method_that_runs_and_counts_the_rest(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    running = begin(puller.run)
    push(keep, puller, 5)
    wait_until(lambda: puller.statistics()["events_received"] == 5, "all have come")
    puller.close()
    outcome(running)
    assert work.gate.ended == ["ClosedError"]
    assert puller.statistics()["dropped"] == {"closed": 4}


def test_a_puller_runs_once_at_a_time(puller: zerorpc.Puller) -> None:
    running = begin(puller.run)
    with pytest.raises(RuntimeError, match="running already"):
        puller.run()
    puller.stop()
    outcome(running)


def test_an_interrupted_run_keeps_what_it_received(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    running = begin(puller.run)
    push(keep, puller, 3)
    wait_until(lambda: puller.statistics()["events_received"] == 3, "all have come")
    running.kill(Interruption, block=False)
    with pytest.raises(Interruption):
        outcome(running)
    work.gate.open()
    gevent.spawn(puller.run)
    wait_until(lambda: sorted(work.done) == [0, 1, 2], "all are handled")


def test_a_method_of_which_nothing_runs_is_told(
    keep: Keep, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody would take the items of a generator, or await a coroutine."""
    ran: list[str] = []

    def generator() -> Any:
        ran.append("generator")
        yield 1

    async def coroutine() -> None:
        ran.append("coroutine")

    puller = keep(zerorpc.Puller({"items": zerorpc.stream(generator), "later": coroutine}))
    puller.bind(ANY_PORT)
    begin(puller.run)
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.endpoints)
    pusher.items()
    pusher.later()
    wait_until(lambda: "later failed" in caplog.text, "both are told")
    assert "items failed with TypeError: it returned a generator, of which nothing" in caplog.text
    assert "later failed with TypeError: it returned a coroutine, of which nothing" in caplog.text
    assert ran == []


class SlowHandler(logging.Handler):
    """A log that goes to a slow place: it waits, which the loop itself may not."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        gevent.sleep(0)
        self.said.append(record.getMessage())


def test_a_message_that_is_none_costs_its_neighbours_nothing_however_slow_the_log_is(
    keep: Keep, puller: zerorpc.Puller, work: Work
) -> None:
    work.gate.open()
    log, slow = logging.getLogger("zerorpc.oneway"), SlowHandler()
    with RawPeer(kind=zmq.PUSH) as raw:
        raw.socket.connect(puller.bind(ANY_PORT)[0])
        for number in range(100):
            if number == 50:
                raw.socket.send(b"garbage")
            raw.socket.send(packb([{"message_id": b"%d" % number, "v": 3}, "note", [number]]))
        log.addHandler(slow)
        try:
            begin(puller.run)
            wait_until(lambda: work.done == list(range(100)), "the others are handled")
            wait_until(lambda: len(slow.said) == 1, "it is told")
        finally:
            log.removeHandler(slow)
    assert puller.statistics()["dropped"] == {"not_an_event": 1}
