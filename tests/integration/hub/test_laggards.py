"""Who is hung up on for what it leaves unread, and who is given the time to read it."""

from __future__ import annotations

from tests.integration.running import wait_until
from tests.unit.daemons.hub.full import BOUND, Full
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.laggards import Laggards
from zerorpc_hub.policy import Policy
from zerorpc_hub.queueing import CallTraffic


def watched(*connections: Full) -> Laggards:
    made = Laggards(lambda: BOUND, EventLog("test"), grace=0.05)
    for each in connections:
        made.watch(each, "in")  # type: ignore[arg-type]
    return made


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


def test_who_was_full_in_the_process_of_before_is_watched_too() -> None:
    traffic = CallTraffic(Policy(unsent_bytes=BOUND), EventLog("test"))
    handed = Full(BOUND, BOUND, BOUND)
    traffic.front("in").on_handed(handed)  # type: ignore[arg-type]
    wait_until(lambda: handed.ended == ["lagging"], "it is hung up on")
    traffic.end()
