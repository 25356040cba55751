"""Clients that read more slowly than they ask: nobody else waits, and honest ones are let be."""

from __future__ import annotations

import itertools
import time

import pytest

import zerorpc
from tests.integration.faults.client_faults import MIB
from tests.integration.faults.processes import PATIENCE, Bystander, Proxy
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.hub.test_queue import worker_process
from tests.integration.running import FAR_AWAY, Dial, begin, outcome, wait_until

# A PING and its answer wait behind what sockets and the proxy hold, for seconds at such rates.
PATIENT = "heartbeat: {interval: 10, timeout: 60}\n"


def most_unsent(hub: HubProcess) -> int:
    """Return how much the client has to read that has most."""
    rows = hub.ask("/peers")["peers"]
    return max((row["unsent_bytes"] for row in rows if row["side"] == "in"), default=0)


def test_a_client_that_trickles_is_hung_up_on_and_a_bystander_is_answered_all_the_time(
    start: Start, dial: Dial
) -> None:
    hub = start()
    with (
        worker_process(hub) as worker,
        Proxy(hub.endpoint("in")) as proxy,
        Bystander(hub.endpoint("in"), FAR_AWAY) as bystander,
    ):
        proxy.rule("down", rate=1_000_000)
        greedy = dial(proxy.endpoint, heartbeat=FAR_AWAY, timeout=None)
        calls = [begin(greedy.blob, 1_000_000) for _ in range(110)]
        wait_until(lambda: hub.statistics()["closed"].get("lagging"), "hung up on")
        proxy.rule("down", rate=0)  # the rest may come quickly
        # All but the first, which it has read.
        for call in calls[55:]:
            with pytest.raises(zerorpc.LostRemote):
                outcome(call)
        report = bystander.report()
        assert (report["errors"], hub.statistics()["times_held_back"]) == ([], 0)
        assert report["worst"] < PATIENCE / 4
        hub.await_event("client does not keep up")
        wait_until(lambda: hub.statistics()["in_flight"] == 0, "its calls are over")
        assert worker.is_running


def test_a_slow_consumer_of_long_streams_is_not_hung_up_on(start: Start, dial: Dial) -> None:
    hub = start(ONE_HUB + PATIENT)
    with worker_process(hub), Proxy(hub.endpoint("in")) as proxy:
        # Slower than a worker on a machine that has other things to do.
        proxy.rule("down", rate=4 * MIB)
        # With heartbeats: between two grants of a window more time may pass than workers wait.
        slow = dial(proxy.endpoint)
        # Three windows of 16 MiB, which is more than lies in sockets and the proxy; but how much of
        # that is at the hub goes up and down with each grant.
        streams = [slow.chunks(40, MIB) for _ in range(3)]
        behind = begin(await_behind, hub, 50)
        for items in zip(*streams, strict=True):
            assert list(map(len, items)) == [MIB] * 3
            if behind.ready():
                proxy.rule("down", rate=0)  # the rest may come quickly
        assert behind.successful(), "it was not slow"
        assert hub.statistics()["closed"] == {}


def await_behind(hub: HubProcess, looks: int) -> None:
    """Return when somebody has been seen so often with more than 4 MiB to read."""
    seen = itertools.count(1)
    wait_until(
        lambda: most_unsent(hub) > 4 * MIB and next(seen) >= looks, "behind", within=3 * PATIENCE
    )


def test_one_answer_may_be_larger_than_the_bound(start: Start, work: Work, dial: Dial) -> None:
    hub = start(ONE_HUB + PATIENT + "limits: {unsent_bytes: 1MiB}\n")
    work({"blob": bytes, "echo": lambda value: value}, hub.endpoint("out"))
    hub.await_workers(1)
    with Proxy(hub.endpoint("in")) as proxy:
        proxy.rule("down", rate=32 * MIB)
        slow = dial(proxy.endpoint, heartbeat=FAR_AWAY)
        other = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
        call = begin(slow.blob, 64 * MIB)
        wait_until(lambda: most_unsent(hub) > 4 * MIB, "it reads")
        began = time.monotonic()
        assert other.echo(1) == 1
        assert time.monotonic() - began < PATIENCE / 4
        # Its next call is taken as well, and answered behind.
        assert slow.echo(2) == 2
        assert len(outcome(call)) == 64 * MIB
        assert hub.statistics()["closed"] == {}
