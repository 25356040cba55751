"""Threads: each may have objects of its own; those of another thread say so and never hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import gevent
import gevent.monkey
import pytest

import zerorpc
from tests.integration.running import (
    ANY_PORT,
    FAR_AWAY,
    PATIENCE,
    Dial,
    Keep,
    Serve,
    begin,
    outcome,
    wait_until,
)

ECHO: dict[str, Any] = {"echo": lambda value: value, "count": zerorpc.stream(range)}


class InThread:
    """Runs a function in a thread of the system, while the loop of this one goes on."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._ended: list[tuple[Any, BaseException | None]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._ended.append((self._work(), None))
        except BaseException as error:
            self._ended.append((None, error))
        gevent.get_hub().destroy()

    def result(self) -> Any:
        """Return what the function returned, or raise what it raised."""
        wait_until(lambda: not self._thread.is_alive(), "the thread has ended", 2 * PATIENCE)
        ((value, error),) = self._ended
        if error is not None:
            raise error
        return value


def test_nothing_here_is_patched() -> None:
    assert not gevent.monkey.is_module_patched("threading")


# -- objects of its own --------------------------------------------------------------------------


def test_threads_call_at_the_same_time_each_with_its_own_client(serve: Serve) -> None:
    (endpoint,) = serve(ECHO).endpoints

    def work() -> int:
        with zerorpc.Client(endpoint) as client:
            assert list(client.count(500)) == list(range(500))
            calls = [gevent.spawn(client.echo, number) for number in range(50)]
            return sum(call.get(timeout=PATIENCE) for call in calls)

    threads = [InThread(work) for _ in range(4)]
    assert [thread.result() for thread in threads] == [sum(range(50))] * 4


def test_a_server_may_live_in_another_thread(dial: Dial) -> None:
    endpoints: list[str] = []

    class Quitter(zerorpc.Server):
        def quit(self) -> None:
            self.stop()

        def echo(self, value: Any) -> Any:
            return value

        @zerorpc.stream
        def count(self, n: int) -> range:
            return range(n)

    def work() -> str:
        with Quitter() as server:
            endpoints.extend(server.bind(ANY_PORT))
            server.run()
        return "served"

    thread = InThread(work)
    wait_until(lambda: endpoints, "it is bound")
    client = dial(endpoints[0])
    assert [client.echo(number) for number in range(100)] == list(range(100))
    assert list(client.count(2000)) == list(range(2000))
    client.quit()
    assert thread.result() == "served"


def test_messages_go_from_thread_to_thread(keep: Keep) -> None:
    notes: list[int] = []
    puller = keep(zerorpc.Puller({"note": notes.append}))
    (endpoint,) = puller.bind(ANY_PORT)
    begin(puller.run)

    def work() -> None:
        with zerorpc.Pusher() as pusher:
            pusher.connect(endpoint)
            for number in range(500):
                pusher.note(number)

    InThread(work).result()
    wait_until(lambda: len(notes) == 500, "all have come")
    assert notes == list(range(500))


def test_inproc_joins_threads_too(keep: Keep) -> None:
    server = keep(zerorpc.Server(ECHO))
    server.bind("inproc://threads")
    begin(server.run)

    def work() -> Any:
        with zerorpc.Client("inproc://threads") as client:
            return client.echo("across")

    assert InThread(work).result() == "across"


def test_gevents_own_threads_work_as_well(serve: Serve) -> None:
    (endpoint,) = serve(ECHO).endpoints

    def work() -> Any:
        with zerorpc.Client(endpoint) as client:
            return client.echo("from the pool")

    assert gevent.get_hub().threadpool.apply(work) == "from the pool"


# -- objects of another thread -------------------------------------------------------------------

USES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "call": lambda its: its["client"].echo(1),
    "asynchronous call": lambda its: its["client"].echo(1, async_=True),
    "connect": lambda its: its["server"].connect("tcp://127.0.0.1:1"),
    "bind": lambda its: its["puller"].bind(ANY_PORT),
    "disconnect": lambda its: its["server"].disconnect(its["server"].endpoints),
    "stream": lambda its: list(its["stream"]),
    "server run": lambda its: its["server"].run(),
    "puller run": lambda its: its["puller"].run(),
    "push": lambda its: its["pusher"].note(1),
}


@pytest.mark.parametrize("use", USES)
def test_an_object_of_another_thread_says_so(
    serve: Serve, dial: Dial, keep: Keep, use: str
) -> None:
    running = serve(ECHO)
    its: dict[str, Any] = {
        "client": dial(running, heartbeat=FAR_AWAY),
        "server": keep(zerorpc.Server(ECHO)),
        "puller": keep(zerorpc.Puller(ECHO)),
        "pusher": keep(zerorpc.Pusher()),
    }
    its["server"].bind(ANY_PORT)
    its["stream"] = its["client"].count(5000)
    with pytest.raises(zerorpc.ClosedError, match="another thread"):
        InThread(lambda: USES[use](its)).result()
    # And nothing was harmed here.
    assert its["client"].echo(1) == 1


def test_no_endpoint_is_added_from_another_thread(serve: Serve, dial: Dial) -> None:
    """Its calls would go to sockets that this thread cannot use, every second one."""
    server = serve(ECHO)
    client = dial(server)
    for add in (lambda: client.connect(server.endpoints), lambda: client.bind(ANY_PORT)):
        with pytest.raises(zerorpc.ClosedError, match="belongs to another thread"):
            InThread(add).result()
    assert [client.echo(number) for number in range(10)] == list(range(10))


def test_closing_from_another_thread_says_so_or_closes(serve: Serve, dial: Dial) -> None:
    client = dial(serve(ECHO))
    waiting = begin(client.echo, 1)
    try:
        InThread(client.close).result()
    except zerorpc.ClosedError as error:
        assert "another thread" in str(error)  # noqa: PT017 - either way is right
        assert outcome(waiting) == 1
        assert client.echo(2) == 2


def test_a_pusher_closed_from_another_thread_sends_what_it_has(keep: Keep) -> None:
    received: list[int] = []
    puller = keep(zerorpc.Puller({"note": received.append}))
    pusher = keep(zerorpc.Pusher())
    (endpoint,) = puller.bind(ANY_PORT)
    pusher.connect("tcp://127.0.0.1:1")
    for number in range(100):
        pusher.note(number)  # to nobody yet, so that it has to wait
    InThread(pusher.close).result()
    pusher.connect(endpoint)
    running = begin(puller.run)
    wait_until(lambda: received == list(range(100)), "all have come")
    wait_until(lambda: pusher._pump.unusable is not None, "it is closed")
    with pytest.raises(zerorpc.ClosedError):
        pusher.note(100)
    puller.stop()
    outcome(running)


def test_a_thread_may_stop_a_server_of_another(keep: Keep) -> None:
    server = keep(zerorpc.Server(ECHO))
    running = begin(server.run)
    InThread(server.stop).result()
    outcome(running)
