"""Looking at a running hub and steering it, over its admin port and from the command line."""

from __future__ import annotations

import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import HubProcess
from tests.integration.running import FAR_AWAY, Dial, Gate, begin, outcome, wait_until
from zerorpc_daemon.admin_client import AdminClient, AdminError


class Patient:
    """Methods that end when they are let."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.gate = Gate()

    def who(self) -> str:
        return self.name

    def wait(self) -> str:
        self.gate.enter()
        return self.name


def admin_of(hub: HubProcess, token: str | None = None) -> AdminClient:
    return AdminClient(hub.events("ready")[-1]["admin"], token)


def test_a_drained_worker_ends_what_it_has_and_gets_nothing_new(
    start: Start, work: Work, dial: Dial
) -> None:
    hub, busy = start(), Patient("a")
    admin = admin_of(hub)
    work(busy, hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(1)
    (name,) = hub.statistics()["by_worker"]
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    waiting = begin(client.wait)
    wait_until(lambda: hub.statistics()["in_flight"] == 1, "it runs")
    (channel,) = admin.get("/channels", {"worker": name})["channels"]
    assert (channel["method"], channel["worker"], channel["attempts"]) == ("wait", name, 1)
    (told,) = admin.post("/drain", {"worker": name})
    assert told == {"hub": "hub", "worker": name, "in_flight": 1}
    assert hub.statistics()["by_worker"][name]["state"] == "draining"
    work(Patient("b"), hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(2)
    assert {client.who() for _ in range(10)} == {"b"}
    busy.gate.open()
    assert outcome(waiting) == "a"
    assert hub.statistics()["by_worker"][name]["in_flight"] == 0
    admin.post("/undrain", {"worker": "127.0.0.1:*"})
    both = [begin(client.who) for _ in range(20)]
    assert {outcome(each) for each in both} == {"a", "b"}


def test_a_kicked_worker_s_callers_are_told_and_it_comes_back(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start()
    admin = admin_of(hub)
    work(Patient("a"), hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(1)
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    waiting = begin(client.wait)
    wait_until(lambda: hub.statistics()["in_flight"] == 1, "it runs")
    peers = admin.get("/peers")["peers"]
    assert sorted((each["side"], each["socket_type"]) for each in peers) == [
        ("in", "DEALER"),
        ("out", "ROUTER"),
    ]
    (name,) = hub.statistics()["by_worker"]
    admin.post("/kick", {"peer": name})
    with pytest.raises(zerorpc.LostRemote, match="an operator hung up on it"):
        outcome(waiting)
    hub.await_event("worker connected", 2)
    assert client.who() == "a"
    assert hub.statistics()["closed"] == {"kicked": 1}


IDS = {
    b"\xd9\x24" + b"\xff" * 36: r"\xff" * 36,  # text that is none
    b"\xd9\x24" + b"\x1b[2J" * 9: r"\x1b[2J" * 9,
    b"\xd9\x24" + b"e-9" * 12: "e-9" * 12,
    b"\xc4\x20" + b"0a" * 16: "0a" * 16,
    b"\xc4\x20" + b"\xff" * 32: "ff" * 32,
    b"\x07": "7",
}


def test_channels_show_whatever_ids_clients_choose(start: Start) -> None:
    hub = start()
    with RawPeer(hub.endpoint("in")) as client:
        for packed in IDS:
            client.socket.send_multipart(
                [b"", b"\x93\x82\xa1v\x03\xaamessage_id" + packed + b"\xa3foo\x90"]
            )
        wait_until(lambda: hub.statistics()["queued"] == len(IDS), "they wait")
        channels = admin_of(hub).get("/channels")["channels"]
    assert {each["id"] for each in channels} == set(IDS.values())


def test_what_cannot_be_done_is_said(start: Start) -> None:
    admin = admin_of(start())
    wrong: list[tuple[str, dict[str, object], str]] = [
        ("/drain", {"worker": "10.*"}, "no worker is called '10.*'"),
        ("/drain", {}, "worker should be a name or a glob"),
        ("/kick", {"peer": 7}, "peer should be a name or a glob"),
        ("/kick", {"peer": "x", "hub": "moon"}, "no hub is called 'moon', only hub"),
    ]
    for path, arguments, reason in wrong:
        with pytest.raises(AdminError, match=reason.replace("*", r"\*")):
            admin.post(path, arguments)
