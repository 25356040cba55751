"""Workers that hang up on their calls and connect again, as the hub recognises them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import zmq

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.hub.test_steering import admin_of
from tests.integration.running import FAR_AWAY, Dial, Gate, begin, outcome, wait_until

TEXT = ONE_HUB + "heartbeat: {interval: 1000, timeout: 3000}\nejection: {after: 1, time: 600}\n"


@contextmanager
def crashing(hub: HubProcess, identity: bytes, count: int = 2) -> Iterator[None]:
    """Connect a worker that answers nothing, with which there are so many."""
    options: dict[str, Any] = (
        {"IDENTITY": identity} if identity else {}
    )  # an empty one is no identity
    with RawPeer(kind=zmq.ROUTER, **options) as worker:
        worker.socket.connect(hub.endpoint("out"))
        hub.await_workers(count)
        yield
    hub.await_workers(1)


def states(hub: HubProcess) -> list[str]:
    """Return how its workers are."""
    return sorted(each["state"] for each in hub.statistics()["by_worker"].values())


@pytest.mark.parametrize(
    ("first", "second", "is_known"), [(b"a", b"a", True), (b"a", b"b", False), (b"", b"", True)]
)
def test_who_hung_up_on_a_call_is_ejected_when_it_comes_back(
    start: Start, work: Work, dial: Dial, first: bytes, second: bytes, is_known: bool
) -> None:
    hub, gate = start(TEXT), Gate()
    work(gate, hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(1)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    with crashing(hub, first):
        calls = [begin(client.enter) for _ in range(2)]
        wait_until(lambda: hub.statistics()["in_flight"] == 2, "each has one")
        gate.open()
        wait_until(lambda: hub.statistics()["in_flight"] == 1, "one is answered")
    wait_until(lambda: all(each.ready() for each in calls), "the other is lost")
    with crashing(hub, second):
        assert states(hub) == (["ejected", "ready"] if is_known else ["ready", "ready"])
        if is_known:
            assert [client.enter() for _ in range(5)] == ["passed"] * 5
            hub.await_event("worker ejected")


def test_a_worker_is_known_to_the_next_process_too(start: Start, work: Work, dial: Dial) -> None:
    hub = start(TEXT)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    with crashing(hub, b"a", 1):
        call = begin(client.who)
        wait_until(lambda: hub.statistics()["in_flight"] == 1, "it has the call")
        hub.signal(signal.SIGUSR2)
        hub.await_event("taken over")
        work({"who": lambda: "good"}, hub.endpoint("out"), heartbeat=FAR_AWAY)
        hub.await_workers(2)
    with pytest.raises(zerorpc.LostRemote):
        outcome(call)
    with crashing(hub, b"a"):
        assert states(hub) == ["ejected", "ready"]


def test_one_that_an_operator_hung_up_on_has_not_failed(
    start: Start, work: Work, dial: Dial
) -> None:
    hub, gate = start(TEXT), Gate()
    work(gate, hub.endpoint("out"), heartbeat=FAR_AWAY)
    work(gate, hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(2)
    call = begin(dial(hub.endpoint("in"), heartbeat=FAR_AWAY).enter)
    gate.await_entered()
    (name,) = (key for key, each in hub.statistics()["by_worker"].items() if each["in_flight"])
    admin_of(hub).post("/kick", {"peer": name})
    with pytest.raises(zerorpc.LostRemote):
        outcome(call)
    hub.await_event("worker connected", 3)
    hub.await_workers(2)
    assert states(hub) == ["ready", "ready"]
