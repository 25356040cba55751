"""A running hub that drains, reloads and ends; its clients and workers are real."""

from __future__ import annotations

import signal
import socket
from typing import Any, TypeAlias

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
    wait_until,
)
from zerorpc.connection.address import parse

FOR_EVER = "drain_timeout: 600\n"
OK, CUT_OFF = 0, 3
Removed: TypeAlias = tuple[HubProcess, Gate, zerorpc.Client, "gevent.Greenlet[..., Any]"]


def gated(hub: HubProcess, work: Work, **options: object) -> Gate:
    """Let a worker come whose `enter` waits until the test lets it go on."""
    gate = Gate()
    methods = {"enter": gate.enter, "echo": lambda value: value}
    work(methods, hub.endpoint("out"), **options)
    hub.await_workers(1)
    return gate


# -- the hub ends ------------------------------------------------------------------------------


def test_an_idle_hub_ends_at_once_with_all_its_peers(start: Start, work: Work, dial: Dial) -> None:
    hub = start(ONE_HUB + FOR_EVER)
    gated(hub, work)
    client = dial(hub.endpoint("in"))
    assert client.echo(1) == 1
    assert hub.stop() == OK


def test_a_short_timeout_cuts_off_no_idle_client(start: Start, work: Work, dial: Dial) -> None:
    """A hub hears for a tenth of a second whether calls still come; that is nothing unfinished."""
    hub = start(ONE_HUB + "drain_timeout: 90ms\n")
    gated(hub, work)
    assert dial(hub.endpoint("in")).echo(1) == 1
    assert hub.stop() == OK


def test_what_is_in_progress_ends_well_and_what_is_new_is_refused(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start(ONE_HUB + FOR_EVER)
    gate = gated(hub, work, heartbeat=0.3)
    client = dial(hub.endpoint("in"), heartbeat=0.3)
    running = begin(client.enter)
    gate.await_entered()
    hub.signal(signal.SIGTERM)
    hub.await_event("draining")
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.echo(1)
    assert caught.value.name == "Draining"
    late = dial(hub.endpoint("in"), timeout=0.5)
    with pytest.raises(zerorpc.TimeoutExpired):  # nobody listens there
        late.echo(1)
    gate.open()
    assert outcome(running) == "passed"
    assert hub.wait() == OK


def test_the_timeout_ends_the_drain_and_callers_are_told(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start(ONE_HUB + "drain_timeout: 0.3\n")
    gate = gated(hub, work)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    running = begin(client.enter)
    gate.await_entered()
    assert hub.stop() == CUT_OFF
    with pytest.raises(zerorpc.LostRemote, match=r"hub 'hub' has ended \(enter\)"):
        outcome(running)


def test_a_second_signal_ends_it_at_once(start: Start, work: Work, dial: Dial) -> None:
    hub = start(ONE_HUB + FOR_EVER)
    gate = gated(hub, work)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    running = begin(client.enter)
    gate.await_entered()
    hub.signal(signal.SIGTERM)
    hub.await_event("draining")
    assert hub.stop() == CUT_OFF
    with pytest.raises(zerorpc.LostRemote):
        outcome(running)


# -- a worker ends -----------------------------------------------------------------------------


def test_a_worker_that_drains_gets_nothing_new_and_finishes_what_it_has(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start()
    gate = Gate()
    leaving = work({"enter": gate.enter, "who": lambda: "leaving"}, hub.endpoint("out"))
    hub.await_workers(1)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    running = [begin(client.enter) for _ in range(3)]
    gate.await_entered(3)
    work({"who": lambda: "staying"}, hub.endpoint("out"))
    hub.await_workers(2)
    leaving.stop(PATIENCE)
    # The first of these are refused by the worker that leaves, and nobody notices.
    assert {client.who() for _ in range(50)} == {"staying"}
    gate.open()
    assert [outcome(each) for each in running] == ["passed"] * 3


# -- another configuration ---------------------------------------------------------------------


def test_a_reload_opens_and_closes_endpoints_and_keeps_every_connection(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start()
    gate = gated(hub, work)
    old = hub.endpoint("in")
    client = dial(old, heartbeat=FAR_AWAY)
    running = begin(client.enter)
    gate.await_entered()
    hub.write("in: ['tcp://127.0.0.1:*', 'tcp://[::1]:*']\nout: 'tcp://[::1]:*'\n")
    hub.signal(signal.SIGHUP)
    hub.await_event("reloaded")
    assert hub.endpoint("in").startswith("tcp://[::1]:")
    # The new ones work, and the worker that came by the old one serves them.
    assert dial(hub.endpoint("in")).echo(2) == 2
    gate.open()
    assert outcome(running) == "passed"


def test_of_two_ports_that_the_system_chose_a_reload_closes_one(start: Start) -> None:
    two = ONE_HUB.replace("in: ", "in: ['tcp://127.0.0.1:*', 'tcp://127.0.0.1:*'] # ")
    hub = start(two)
    stays, goes = hub.statistics()["in"]
    hub.write(ONE_HUB)
    hub.signal(signal.SIGHUP)
    hub.await_event("reloaded")
    assert hub.statistics()["in"] == [stays]
    address = parse(goes)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.host, address.port))


BROKEN = {
    "in: [\n": "hub.yml:",
    ONE_HUB + "quue: {max: 3}\n": "did you mean 'queue'",
    ONE_HUB + "type: pubsub\n": "the type needs a restart",
    "in: tcp://127.0.0.1:*\nout: ipc:///no/such/folder/socket\n": "cannot bind",
}


def test_a_broken_file_changes_nothing(start: Start, work: Work, dial: Dial) -> None:
    hub = start()
    gated(hub, work)
    ends = [hub.statistics()[side] for side in ("in", "out")]
    client = dial(hub.endpoint("in"))
    for number, (text, why) in enumerate(BROKEN.items(), 1):
        hub.write(text)
        hub.signal(signal.SIGHUP)
        assert why in str(hub.await_event("reload refused", number)["problems"])
        assert client.echo(1) == 1
        assert dial(hub.endpoint("in")).echo(2) == 2
    assert [hub.statistics()[side] for side in ("in", "out")] == ends


def test_a_reload_lets_go_what_waits_and_removes_hubs(start: Start, work: Work, dial: Dial) -> None:
    several = "hubs:\n  a: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n"
    hub = start(several + "  b: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n")
    gate = Gate()
    work({"enter": gate.enter}, hub.endpoint("out", "a"))
    hub.await_workers(1, "a")
    client = dial(hub.endpoint("in", "a"))
    calls = [begin(client.enter) for _ in range(3)]
    gate.await_entered(3)
    hub.write(several.replace("}", ", max_inflight: 3}"))
    hub.signal(signal.SIGHUP)
    wait_until(lambda: list(hub.ask("/stats")["hubs"]) == ["a"], "the other is gone")
    calls += [begin(client.enter) for _ in range(2)]
    wait_until(lambda: hub.statistics("a")["queued"] == 2, "they wait")
    hub.write(several)
    hub.signal(signal.SIGHUP)
    gate.await_entered(5)
    gate.open()
    assert [outcome(each) for each in calls] == ["passed"] * 5


# -- both --------------------------------------------------------------------------------------

PAIR = (
    "hubs:\n  a: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n",
    "  b: {in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}\n",
)


@pytest.fixture
def removed(start: Start, work: Work, dial: Dial) -> Removed:
    """A hub that a reload has just removed, with a call in flight."""
    stays, goes = PAIR
    hub = start(FOR_EVER + stays + goes)
    gate = Gate()
    work({"enter": gate.enter}, hub.endpoint("out", "b"))
    hub.await_workers(1, "b")
    client = dial(hub.endpoint("in", "b"), heartbeat=FAR_AWAY)
    running = begin(client.enter)
    gate.await_entered()
    hub.write(FOR_EVER + stays)
    hub.signal(signal.SIGHUP)
    hub.await_event("reloaded")
    hub.signal(signal.SIGTERM)
    hub.await_event("draining")
    return hub, gate, client, running


def test_a_hub_that_a_reload_has_removed_ends_well_though_the_process_ends(
    removed: Removed,
) -> None:
    hub, gate, client, running = removed
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.enter()
    assert caught.value.name == "Draining"
    gate.open()
    assert outcome(running) == "passed"
    assert hub.wait() == OK


def test_what_is_left_of_a_removed_hub_is_told_at_the_end(removed: Removed) -> None:
    hub, _, _, running = removed
    assert hub.stop() == CUT_OFF
    with pytest.raises(zerorpc.LostRemote, match=r"hub 'b' has ended \(enter\)"):
        outcome(running)
