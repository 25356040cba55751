"""Each `stop()` ends one `run()`, the one that runs or else the next; from signal handlers too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Keep, begin, outcome, wait_until
from tests.programs import ROOT

ECHO = {"echo": lambda value: value}
MAKERS: list[Callable[[], Any]] = [
    lambda: zerorpc.Server(ECHO, heartbeat=None),
    lambda: zerorpc.Puller(ECHO),
    lambda: zerorpc.Subscriber(ECHO),
]


@pytest.fixture(params=MAKERS, ids=["server", "puller", "subscriber"])
def receiver(request: pytest.FixtureRequest, keep: Keep) -> Any:
    """Something that runs, bound."""
    made = keep(request.param())
    made.bind(ANY_PORT)
    return made


def test_a_stop_before_the_first_run_ends_it_at_once(receiver: Any) -> None:
    receiver.stop()
    with gevent.Timeout(PATIENCE):
        receiver.run()


def test_a_stop_before_its_greenlet_has_begun_is_not_lost(receiver: Any) -> None:
    running = gevent.spawn(receiver.run)
    receiver.stop()
    outcome(running)


def test_it_runs_again_after_each_stop_that_ended_a_run(receiver: Any) -> None:
    receiver.stop()
    outcome(begin(receiver.run))
    for stops in (1, 2):
        running = begin(receiver.run)
        gevent.sleep(0)
        assert not running.ready()
        for _ in range(stops):  # twice is once
            receiver.stop()
        outcome(running)


def test_a_stop_between_two_runs_is_for_the_second(receiver: Any) -> None:
    for _ in range(2):
        running = begin(receiver.run)
        receiver.stop()
        outcome(running)
    receiver.stop()
    outcome(begin(receiver.run))


def test_a_stop_that_was_for_an_earlier_run_does_not_hurry_the_next(keep: Keep) -> None:
    """The grace of each run is its own."""
    gate = gevent.event.Event()
    server = keep(zerorpc.Server({"wait": gate.wait}))
    client = keep(zerorpc.Client(server.bind(ANY_PORT)))
    server.stop(0)
    outcome(begin(server.run))
    running = begin(server.run)
    waiting = client.wait(async_=True)
    wait_until(lambda: server.statistics()["running"] == 1, "the call has come")
    server.stop()
    gate.set()
    assert waiting.get(timeout=PATIENCE) is True
    outcome(running)


def test_a_call_that_waits_for_a_stopped_run_is_refused(keep: Keep) -> None:
    server = keep(zerorpc.Server(ECHO))
    client = keep(zerorpc.Client(server.bind(ANY_PORT)))
    wait_until(lambda: client.is_connected, "the connection stands")
    calling = client.echo(1, async_=True)
    server.stop()
    outcome(begin(server.run))
    server.close()
    with pytest.raises((zerorpc.RemoteError, zerorpc.LostRemote)):
        calling.get(timeout=PATIENCE)


def test_a_method_that_outlives_its_run_loses_nothing_of_the_next(keep: Keep) -> None:
    gate, done = gevent.event.Event(), list[int]()

    def note(number: int) -> None:
        gate.wait()
        done.append(number)

    puller = keep(zerorpc.Puller({"note": note}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    pusher.note(0)
    wait_until(lambda: puller.statistics()["events_received"] == 1, "it has come")
    running.kill()
    gate.set()
    wait_until(lambda: done == [0], "the method has ended")
    pusher.note(1)
    unread: Any = puller._pump.socket
    wait_until(lambda: unread.getsockopt(zerorpc.zmq.EVENTS) & zerorpc.zmq.POLLIN, "it is left")
    running = begin(puller.run)
    wait_until(lambda: done == [0, 1], "nothing is lost")
    puller.stop()
    outcome(running)


@pytest.mark.parametrize("words", [("server",), ("puller",), ("server", "--forked")], ids=" ".join)
def test_a_signal_handler_that_stops_is_heard_at_once(words: tuple[str, ...]) -> None:
    """Python calls it when the main thread runs next: an idle loop must be woken for that."""
    program = [sys.executable, "-m", "tests.integration.programs.signalled", *words]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        os.kill(number := int(serving.stdout.readline()), signal.SIGTERM)
        try:
            assert (serving.wait(PATIENCE), serving.stdout.read()) == (0, "stopped\n")
        except subprocess.TimeoutExpired:
            os.kill(number, signal.SIGKILL)
            raise


def wake_up_descriptor() -> int:
    """Return what Python writes to when a signal arrives."""
    set_up = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(set_up)
    return set_up


def test_signals_are_watched_while_anything_runs(keep: Keep) -> None:
    first, second = (keep(zerorpc.Puller(ECHO)) for _ in range(2))
    assert wake_up_descriptor() == -1
    runs = begin(first.run), begin(second.run)
    watched = wake_up_descriptor()
    assert watched != -1
    first.stop()
    outcome(runs[0])
    assert wake_up_descriptor() == watched
    second.stop()
    outcome(runs[1])
    assert wake_up_descriptor() == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(watched)


def test_who_watches_signals_already_goes_on_to_do_so(keep: Keep) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    try:
        puller = keep(zerorpc.Puller(ECHO))
        running = begin(puller.run)
        assert wake_up_descriptor() == writer
        puller.stop()
        outcome(running)
        assert wake_up_descriptor() == writer
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)
