"""Clients and workers of several hubs: what is gone, silent or draining is avoided."""

from __future__ import annotations

import signal
from collections import Counter

import gevent
import pytest

import zerorpc
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.running import (
    FAR_AWAY,
    PATIENCE,
    Dial,
    Gate,
    begin,
    outcome,
    up,
    wait_until,
)

QUICK = pytest.mark.parametrize("hubs", [0.3], indirect=True)


def service(name: str) -> dict[str, object]:
    """What a worker exposes that is known by its name."""
    return {"who": lambda: name, "count": zerorpc.stream(range), "nap": gevent.sleep}


@pytest.fixture(params=[5.0])
def hubs(request: pytest.FixtureRequest, start: Start, work: Work) -> list[HubProcess]:
    """Two hubs, each with a worker of its own, "a" and "b"; the parameter is their heartbeat."""
    started = [start(), start()]
    for name, hub in zip("ab", started, strict=True):
        work(service(name), hub.endpoint("out"), heartbeat=request.param)
        hub.await_workers(1)
    return started


def both(dial: Dial, hubs: list[HubProcess], **options: object) -> zerorpc.Client:
    client = dial(*(hub.endpoint("in") for hub in hubs), **options)
    wait_until(lambda: len(up(client)) == 2, "both are connected")
    return client


@QUICK
def test_a_conversation_stays_with_its_hub(hubs: list[HubProcess], dial: Dial) -> None:
    client = both(dial, hubs, heartbeat=0.3)
    streams = [begin(lambda: list(client.count(3000))) for _ in range(6)]
    naps = [begin(client.nap, 1.2) for _ in range(6)]  # four intervals
    assert [outcome(each) for each in streams] == [list(range(3000))] * 6
    assert [outcome(each) for each in naps] == [None] * 6
    assert {client.who() for _ in range(10)} == {"a", "b"}
    dropped: Counter[str] = Counter()
    for hub in hubs:
        dropped.update(hub.statistics()["dropped"])
    assert not dropped.keys() - {"late"}  # grants that cross the end of their stream


def test_a_dead_hub_is_avoided_from_its_end_on(hubs: list[HubProcess], dial: Dial) -> None:
    client = both(dial, hubs, heartbeat=FAR_AWAY)
    naps = [begin(client.nap, 0.5) for _ in range(10)]
    hubs[0].end()
    ended = Counter(type(_outcome(each)).__name__ for each in naps)
    assert ended == {"LostRemote": 5, "NoneType": 5}
    assert {client.who() for _ in range(50)} == {"b"}


@QUICK
def test_a_silent_hub_is_avoided_until_it_is_heard_again(
    hubs: list[HubProcess], dial: Dial
) -> None:
    client = both(dial, hubs, heartbeat=0.3)
    hubs[0].signal(signal.SIGSTOP)
    # Some go there until the first of them has found out.
    asked = [begin(client.who) for _ in range(6)]
    assert {"LostRemote"} < {type(_outcome(each)).__name__ for each in asked}
    assert {client.who() for _ in range(50)} == {"b"}
    hubs[0].signal(signal.SIGCONT)
    wait_until(lambda: client.who() == "a", "it is called again")


def test_a_draining_hub_sends_calls_to_the_other(hubs: list[HubProcess], dial: Dial) -> None:
    client = both(dial, hubs, heartbeat=FAR_AWAY)
    naps = [begin(client.nap, 1.0) for _ in range(10)]
    wait_until(lambda: hubs[0].statistics()["in_flight"] == 5, "half of them run there")
    hubs[0].signal(signal.SIGTERM)
    assert {client.who() for _ in range(50)} >= {"b"}
    hubs[0].await_event("draining")
    assert {client.who() for _ in range(50)} == {"b"}
    assert [outcome(each) for each in naps] == [None] * 10
    assert hubs[0].wait() == 0


def test_a_worker_that_stops_tells_even_hubs_that_it_has_nothing_to_say_to(
    start: Start, work: Work, dial: Dial
) -> None:
    hubs = [start(ONE_HUB + "heartbeat: {interval: 0.5, timeout: 600}\n") for _ in range(2)]
    gate = Gate()
    backs = [hub.endpoint("out") for hub in hubs]
    leaving = work({"enter": gate.enter}, *backs)
    for hub in hubs:
        wait_until(lambda: hub.statistics()["messages"]["out"], "a ping is answered")  # noqa: B023
    running = begin(dial(hubs[0].endpoint("in")).enter)
    gate.await_entered()
    leaving.stop(PATIENCE)
    for hub in hubs:
        wait_until(lambda: _leaving(hub) == 1, "it gets no new calls")  # noqa: B023
    # On the channel of a ping that was answered: the next one would have come later.
    assert hubs[1].statistics()["dropped"] == {"late": 1}
    gate.open()
    assert outcome(running) == "passed"


def test_who_is_refused_by_a_full_hub_gets_the_numbers(start: Start, dial: Dial) -> None:
    fronts = [start(ONE_HUB + "queue: {max: 0}\n").endpoint("in") for _ in range(2)]
    client = dial(*fronts)
    with pytest.raises(zerorpc.Overloaded, match="at most 0 may") as caught:
        client.who()
    assert (caught.value.queued, caught.value.limit) == (0, 0)
    assert not isinstance(caught.value, zerorpc.RemoteError)


def _leaving(hub: HubProcess) -> object:
    return hub.statistics()["pools"]["default"]["workers"]["leaving"]


def _outcome(greenlet: gevent.Greenlet[..., object]) -> object:
    greenlet.join(PATIENCE)
    assert greenlet.ready()
    return greenlet.exception or greenlet.value
