"""SIGUSR2: another process under the same PID goes on with every connection, call and stream."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.processes import ServerProcess
from tests.integration.faults.size import SUITE
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import ONE_HUB
from tests.integration.hub.replacing import hub_replaced, replace
from tests.integration.running import Dial, Gate, begin, outcome, wait_until

# Shorter than a replacement takes on a busy machine, and long enough for one that stands still.
BEAT_S = 5.0


class Service:
    """Calls of all kinds, some of which end when the test says so."""

    def __init__(self) -> None:
        self.gate = Gate()

    def double(self, number: int) -> int:
        return 2 * number

    def enter(self) -> str:
        return self.gate.enter()

    @zerorpc.stream
    def count(self, number: int) -> object:
        for each in range(number):
            yield each
            if each == 10:
                self.gate.enter()


class Callers:
    """Greenlets that call one after the other, and count."""

    def __init__(self, client: zerorpc.Client, count: int) -> None:
        self._client, self._is_over = client, False
        self.answered = 0
        self._greenlets = [begin(self._call) for _ in range(count)]

    def _call(self) -> None:
        while not self._is_over:
            number = self.answered
            assert self._client.double(number) == 2 * number
            self.answered += 1

    def await_more(self) -> None:
        """Wait until they get answers."""
        count = self.answered
        wait_until(lambda: self.answered > count + 50, "there are answers")

    def end(self) -> None:
        """Let them finish, and tell the first failure."""
        self._is_over = True
        for each in self._greenlets:
            outcome(each)


def test_no_call_fails_under_load() -> None:
    hub_replaced(SUITE)


def test_calls_and_streams_outlive_their_process(start: Start, work: Work, dial: Dial) -> None:
    hub = start(ONE_HUB + "max_inflight: 8\n")
    pid, service = hub.pid, Service()
    for _ in range(2):
        work(service, hub.endpoint("out"), heartbeat=BEAT_S)
    hub.await_workers(2)
    client = dial(hub.endpoint("in"), heartbeat=BEAT_S)
    callers = Callers(dial(hub.endpoint("in"), heartbeat=BEAT_S), 5)
    streams = [begin(lambda: list(client.count(500))) for _ in range(4)]
    # More than the workers take: some wait in the queue.
    running = [begin(client.enter) for _ in range(14)]
    wait_until(lambda: hub.statistics()["queued"] > 0, "the workers are full")
    replace(hub)
    assert hub.statistics()["queued"] > 0
    # Another configuration is in force then, and lets all run.
    hub.write(ONE_HUB.replace("out:", "max_inflight: 100\nout:"))
    replace(hub, 2)
    assert hub.statistics()["connections"] == 4
    assert hub.statistics()["queued"] == 0
    callers.await_more()
    # A mistake is told, and costs nothing.
    hub.write(ONE_HUB + "balance: by-smell\n")
    hub.signal(signal.SIGUSR2)
    assert "balance" in hub.await_event("replacement refused")["problems"][0]
    callers.await_more()
    service.gate.open()
    assert [outcome(each) for each in streams] == [list(range(500))] * 4
    assert [outcome(each) for each in running] == ["passed"] * 14
    callers.end()
    statistics = hub.statistics()
    assert hub.pid == pid
    assert statistics["calls"]["opened"] == statistics["calls"]["answered"] > 100
    assert statistics["closed"] == {}
    assert hub.stop() == 0


# Runs in every Python that is started with its folder in PYTHONPATH: what a hub is replaced by
# reads another form of the state than the hub has.
ANOTHER_VERSION = """
import os
if "ZERORPC_HUB_HANDOVER" in os.environ:
    import zerorpc_hub.handover
    zerorpc_hub.handover.VERSION += 1
"""


def test_a_hub_whose_state_is_not_understood_ends_what_it_began(
    start: Start, work: Work, dial: Dial, tmp_path: Path
) -> None:
    """As over a downgrade: the endpoints go over at once, the calls stay until they are over."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(ANOTHER_VERSION)
    hub = start(
        f"in: ipc://{tmp_path}/in\nout: ipc://{tmp_path}/out\ndrain_timeout: 60 s\n",
        PYTHONPATH=str(modules),
    )
    service = Service()
    work(service, hub.endpoint("out"), heartbeat=BEAT_S)
    hub.await_workers(1)
    running = begin(dial(hub.endpoint("in"), heartbeat=BEAT_S).enter)
    service.gate.await_entered()
    hub.signal(signal.SIGUSR2)
    hub.await_event("ready", 2)
    # Nothing came over but the endpoints, and the call runs on with the one that took it.
    statistics = hub.statistics()
    assert (statistics["in_flight"], statistics["calls"]["opened"]) == (0, 0)
    other = Service()
    work(other, hub.endpoint("out"), heartbeat=BEAT_S)
    hub.await_workers(1)
    assert dial(hub.endpoint("in"), heartbeat=BEAT_S).double(2) == 4
    service.gate.open()
    assert outcome(running) == "passed"
    assert hub.stop() == 0


THREE_HUBS = """\
hubs:
  news: {{type: pubsub, in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}}
  jobs: {{type: pipeline, in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}}
  calls: {{in: 'ipc://{folder}/in', out: {{connect: '{worker}'}}}}
"""


def test_hubs_of_all_types_go_on(start: Start, dial: Dial, tmp_path: Path) -> None:
    heard: list[str] = []
    with ServerProcess() as worker:
        hub = start(THREE_HUBS.format(folder=tmp_path, worker=worker.endpoint))
        hub.await_workers(1, "calls")
        client = dial(hub.endpoint("in", "calls"))
        call = begin(client.slow, 3)
        publisher, pusher = zerorpc.Publisher(), zerorpc.Pusher()
        subscriber = zerorpc.Subscriber({"say": heard.append})
        puller = zerorpc.Puller({"say": heard.append})
        ends: list[Any] = [publisher, pusher, subscriber, puller]
        try:
            publisher.connect(hub.endpoint("in", "news"))
            pusher.connect(hub.endpoint("in", "jobs"))
            subscriber.connect(hub.endpoint("out", "news"))
            listening = begin(subscriber.run)
            wait_until(lambda: hub.statistics("news")["subscribers"], "it listens")
            pusher.say("work")
            wait_until(lambda: hub.statistics("jobs")["queued"], "it waits")
            place = hub.endpoint("out", "jobs")
            replace(hub)
            publisher.say("news")
            wait_until(lambda: heard == ["news"], "it was heard")
            puller.connect(place)
            pulling = begin(puller.run)
            wait_until(lambda: heard == ["news", "work"], "it was done")
            outcome(call)
            assert client.echo("e") == "e"
            assert hub.statistics("calls")["by_endpoint"][worker.endpoint]["peers"] == 1
            subscriber.stop()
            puller.stop()
            gevent.joinall([listening, pulling], raise_error=True)
        finally:
            for each in ends:
                each.close()
    assert hub.stop() == 0


def test_callers_are_told_where_no_new_process_comes(start: Start, work: Work, dial: Dial) -> None:
    """Killed while it starts: the copy that serves meanwhile says its last words."""
    hub = start()
    service = Service()
    work(service, hub.endpoint("out"))
    hub.await_workers(1)
    client = dial(hub.endpoint("in"))
    call = begin(client.enter)
    service.gate.await_entered()
    hub.signal(signal.SIGUSR2)
    hub.await_event("replacing the process")
    hub.kill()
    with pytest.raises(zerorpc.LostRemote):
        outcome(call)
    service.gate.open()


def test_a_hub_that_goes_is_drained_before_the_process_is_replaced(
    start: Start, work: Work, dial: Dial
) -> None:
    stays = "drain_timeout: 60s\nhubs:\n  a: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n"
    hub = start(stays + "  b: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n")
    service = Service()
    work(service, hub.endpoint("out", "b"))
    hub.await_workers(1, "b")
    call = begin(dial(hub.endpoint("in", "b")).enter)
    service.gate.await_entered()
    hub.write(stays)
    hub.signal(signal.SIGUSR2)
    wait_until(lambda: list(hub.ask("/stats")["hubs"]) == ["a"], "the other goes")
    assert hub.events("replacing the process") == []
    service.gate.open()
    assert outcome(call) == "passed"
    hub.await_event("taken over")
    assert list(hub.ask("/stats")["hubs"]) == ["a"]
