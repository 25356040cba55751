"""Who is hung up on for what it leaves unread, and who is given the time to read it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.running import wait_until
from tests.unit.daemons.hub.hubs import Hub
from zerorpc.connection.outbox import Outbox
from zerorpc_daemon.journal import EventLog
from zerorpc_hub import laggards
from zerorpc_hub.laggards import Laggards, is_behind
from zerorpc_hub.policy import Policy
from zerorpc_hub.queueing import CallTraffic
from zerorpc_hub.relay import Relay

BOUND = 1 << 20


class Full:
    """Stands for a connection whose peer reads little."""

    remote, is_full, tag = "tcp://10.0.0.1:1", True, None

    def __init__(self, *sizes: int) -> None:
        self.backlog = Outbox()
        self.ended: list[str] = []
        self.pauses = 0
        self.add(*sizes)

    def add(self, *sizes: int) -> None:
        for size in sizes:
            self.backlog.add([b"\0\0", bytes(size)])

    def close(self, reason: str) -> None:
        self.ended.append(reason)

    def send(self, frames: Any) -> None:
        """Take what is sent to it."""

    def pause(self) -> None:
        self.pauses += 1


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(laggards, "GRACE_S", 0.05)


def watched(*connections: Full) -> Laggards:
    made = Laggards(lambda: BOUND, EventLog("test"))
    for each in connections:
        made.watch(each, "in")  # type: ignore[arg-type]
    return made


@pytest.mark.usefixtures("short")
def test_a_client_beyond_the_bound_is_hung_up_on_and_one_large_answer_is_let_pass() -> None:
    large, drained = Full(8 * BOUND, BOUND // 2), Full(BOUND, BOUND, BOUND)
    watching = watched(large, drained)
    watching.forget(drained)  # type: ignore[arg-type]
    beyond = Full(BOUND, BOUND, BOUND)
    watching.watch(beyond, "in")  # type: ignore[arg-type]
    wait_until(lambda: beyond.ended == ["lagging"], "it is hung up on")
    # The other was looked at before, and goes once more waits behind its large answer.
    assert (large.ended, drained.ended) == ([], [])
    large.add(BOUND)
    wait_until(lambda: large.ended, "more than a large answer")


@pytest.mark.usefixtures("short")
def test_who_was_full_in_the_process_of_before_is_watched_too() -> None:
    traffic = CallTraffic(Policy(unsent_bytes=BOUND), EventLog("test"))
    handed = Full(BOUND, BOUND, BOUND)
    traffic.front("in").on_handed(handed)  # type: ignore[arg-type]
    wait_until(lambda: handed.ended == ["lagging"], "it is hung up on")
    traffic.end()


def test_from_half_of_the_bound_on_a_client_begins_nothing_new() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    known = hub.call(client)
    client.is_behind = True
    hub.call(client)
    hub.say(client, known, "_zpc_more", [1])
    ((name, args),) = hub.heard(client)
    assert (name, args[0]) == ("ERR", "Overloaded")
    assert "answers to read at hub 'h'" in args[1]
    assert [name for name, _ in hub.heard(worker)] == ["m", "_zpc_more"]
    client.is_behind = False
    hub.call(client)
    assert len(hub.heard(worker)) == 1


def test_half_of_the_bound_is_counted_beside_the_largest_answer() -> None:
    half = BOUND // 2
    assert is_behind(Full(half, half, half), BOUND)  # type: ignore[arg-type]
    assert not is_behind(Full(half // 2, half // 4, 9 * BOUND), BOUND)  # type: ignore[arg-type]


def test_nobody_is_held_back_for_a_client_that_is_told_something_meanwhile() -> None:
    relay, full, caller = Relay(), Full(), Full()
    relay.send([(full, [b"", b"your call made way"])], caller)  # type: ignore[arg-type]
    assert (relay.held, caller.pauses) == (0, 0)
    relay.send([(full, [b"", b"refused"])], full)  # type: ignore[arg-type]
    assert (relay.held, full.pauses) == (1, 1)
