"""Workers and hubs that are replaced one by one, under load: no caller may notice."""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import gevent

import zerorpc
from tests.integration.faults.outcome import VALUE, outcome_of
from tests.integration.faults.processes import PATIENCE, ServerProcess, wait_until
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import HubProcess
from tests.integration.hub.stage import Caller, at_once, kinds
from tests.interop.peer_process import Peer

IN_FLIGHT = 500
STREAMS_AT_A_TIME = 20
ITEMS = 300
STRANGERS_CALLS = 20


class Load:
    """Calls and streams without pause, from one client; counts what they end in."""

    def __init__(self, client: zerorpc.Client) -> None:
        self.kinds: Counter[str] = Counter()
        self.streams = 0
        self.wrong: list[Any] = []
        self._is_over = False
        self._client = client
        self._greenlets = [gevent.spawn(self._repeat, self._call) for _ in range(IN_FLIGHT)]
        self._greenlets += [
            gevent.spawn(self._repeat, self._stream) for _ in range(STREAMS_AT_A_TIME)
        ]

    @property
    def calls(self) -> int:
        """How many calls have ended, streams not counted."""
        return self.kinds.total() - self.streams

    def go_on(self, calls: int, streams: int) -> None:
        """Return when so many more have ended."""
        calls, streams = self.calls + calls, self.streams + streams
        wait_until(
            lambda: self.calls >= calls and self.streams >= streams,
            "calls and streams go on",
            within=3 * PATIENCE,
        )

    def end(self) -> None:
        """Let all calls end, and see to it that each gave its value."""
        self._is_over = True
        gevent.joinall(self._greenlets, timeout=PATIENCE, raise_error=True)
        assert all(each.ready() for each in self._greenlets), "calls hang"
        assert not self.wrong, f"{len(self.wrong)} of {self.calls}: {self.wrong[:5]}"

    def _repeat(self, functor: Callable[[int], None]) -> None:
        number = 0
        while not self._is_over:
            number += 1
            functor(number)

    def _call(self, number: int) -> None:
        ended = outcome_of(lambda: self._client("echo", number))
        self._count(ended.kind, ended.value, number)

    def _stream(self, _: int) -> None:
        ended = outcome_of(lambda: list(self._client("count", ITEMS)))
        self._count(ended.kind, ended.value, list(range(ITEMS)))
        self.streams += 1

    def _count(self, kind: str, value: Any, right: Any) -> None:
        self.kinds[kind] += 1
        # The test has failed and closed the client: each further call would fail at once, for ever.
        self._is_over |= kind == "ClosedError"
        if value != right:
            self.wrong.append(repr(value))


class Mesh:
    """Hubs, and workers that are connected to all of them."""

    def __init__(self, stack: ExitStack, hubs: int, workers: int) -> None:
        self._stack = stack
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.folders = [folder / f"hub{number}" for number in range(hubs)]
        for each in self.folders:
            each.mkdir()
        self.hubs = at_once(lambda each: stack.enter_context(HubProcess(each)), self.folders)
        self.fronts = [hub.endpoint("in") for hub in self.hubs]
        self.backs = [hub.endpoint("out") for hub in self.hubs]
        self.workers = at_once(lambda _: self._work(), range(workers))
        self.await_workers()

    def _work(self) -> ServerProcess:
        return self._stack.enter_context(ServerProcess(",".join(self.backs), connect=1))

    def stranger(self) -> Caller:
        """Start a client that knows nothing of hubs, if there is stock; each call is made anew."""
        peer = Peer(kinds()[0])
        self._stack.callback(peer.quit)
        return Caller(peer)

    def await_workers(self) -> None:
        """Wait until every hub has every worker."""
        for hub in self.hubs:
            hub.await_workers(len(self.workers))

    def replace_worker(self, number: int) -> None:
        """End a worker as a deployment does, and start another."""
        old = self.workers[number]
        old.signal(signal.SIGTERM)
        assert old.wait() == 0, old.errors
        self.workers[number] = self._work()
        self.await_workers()

    def replace_hub(self, number: int) -> None:
        """End a hub as a deployment does, and start another at the same endpoints."""
        assert self.hubs[number].stop() == 0, self.hubs[number].text
        text = f"in: '{self.fronts[number]}'\nout: '{self.backs[number]}'\n"
        self.hubs[number] = self._stack.enter_context(HubProcess(self.folders[number], text))
        self.await_workers()


@contextmanager
def mesh(hubs: int, workers: int) -> Iterator[Mesh]:
    """A mesh of processes that end with the block."""
    with ExitStack() as stack:
        yield Mesh(stack, hubs, workers)


def up(client: zerorpc.Client) -> int:
    """How many of a client's connections stand."""
    return sum(each["is_up"] for each in client.statistics().values())


def rolling_restart(size: Size) -> Facts:
    """Three workers and the two hubs between them and their callers are replaced: no call fails."""
    calls, streams, times = size.count(50_000, 1500), size.count(200, 20), size.count(10, 2)
    with mesh(hubs=2, workers=3) as there, zerorpc.Client(there.fronts) as client:
        wait_until(lambda: up(client) == 2, "both hubs are connected")
        load = Load(client)
        stranger = there.stranger()
        replaced = 0
        while load.calls < calls or load.streams < streams or replaced < times:
            before = load.calls
            if replaced % 2:
                _calling(stranger, there, lambda: there.replace_worker(replaced // 2 % 3))  # noqa: B023
            else:
                there.replace_hub(replaced // 2 % 2)
            replaced += 1
            wait_until(lambda: up(client) == 2, "both hubs are connected again")
            wait_until(lambda: load.calls > before + IN_FLIGHT, "calls go on")  # noqa: B023
        load.end()
    assert set(load.kinds) == {VALUE}
    return {"calls": load.calls, "streams": load.streams, "replaced": replaced}


def _calling(stranger: Caller, there: Mesh, replace: Callable[[], None]) -> None:
    """Replace something while a client of the first hub, perhaps stock, calls through it."""
    stranger.connect(there.fronts[0])
    replacing = gevent.spawn(replace)
    calls = 0
    while not replacing.ready():
        stranger.call(STRANGERS_CALLS, "echo", "it")
        calls += STRANGERS_CALLS
        assert stranger.values(calls) == ["it"] * calls
    replacing.get()
    stranger.disconnect()


SCENARIOS = (rolling_restart,)
