"""Workers that die, freeze or compute, under load: what their callers and everyone else see."""

from __future__ import annotations

import functools
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from tests.integration.faults.outcome import VALUE, Outcome
from tests.integration.faults.outcome import kinds as kinds_of
from tests.integration.faults.processes import PATIENCE, ServerProcess, wait_until
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import ONE_HUB
from tests.integration.hub.stage import Stage, Told, kinds
from tests.interop.peer_process import Peer

RUNNING, STOCKS, QUEUED = 500, 60, 50
EACH = (RUNNING + STOCKS) // 2
FULL = ONE_HUB + f"max_inflight: {EACH}\nqueue: {{timeout: 600}}\n"
LOST = re.compile(r"worker 127\.0\.0\.1:\d+ is lost: .* \(sleep\)")
MIB = 1 << 20


def worker_lost(size: Size) -> Facts:
    """SIGKILL or SIGSTOP under 560 running calls, and 50 that wait: only its callers notice."""
    facts: Facts = {"running": RUNNING + STOCKS, "queued": QUEUED}
    for kind in kinds() if size.is_measured else kinds()[:1]:
        facts[f"{kind}_killed_told_s"] = took = _killed(kind)
        size.within(took, 0.1, f"all callers of a {kind} worker that was killed know")
    for kind in kinds() if size.is_measured else ():
        facts[f"{kind}_frozen_told_s"] = took = _frozen(kind, interval=1.0, timeout=3.0)
        size.within(took, 4.1, f"all callers of a {kind} worker that is frozen know")
    return facts


def _killed(kind: str) -> float:
    with Stage(FULL, kind, workers=2) as stage:
        return _loses_one(stage, Peer.kill)


def _frozen(kind: str, interval: float, timeout: float) -> float:
    """Freeze one; its callers know once it has not answered a PING in time. It comes back later."""
    beat = f"heartbeat: {{interval: {interval}, timeout: {timeout}}}\n"
    with Stage(FULL + beat, kind, workers=2) as stage:
        took = _loses_one(stage, Peer.freeze)
        # Its last sign of life came at most an interval before it froze.
        assert took >= timeout - interval, f"told {took:.2f} s after it froze"
        stage.workers[0].thaw()
        stage.hub.await_workers(3)
        return took


def _loses_one(stage: Stage, fault: Callable[[Peer], None]) -> float:
    """Do something to one of two full workers; returns when the last of its callers was told."""
    hub, client = stage.hub, stage.client
    told = Told([functools.partial(client, "sleep", 3600)] * RUNNING)
    others = stage.caller(stage.kind)
    others.call(STOCKS, "sleep", 3600)
    stage.await_stats("all are running", in_flight=RUNNING + STOCKS, queued=0)
    queued = Told([functools.partial(client, "echo", number) for number in range(QUEUED)])
    stage.await_stats("the others wait", queued=QUEUED)
    began = time.monotonic()
    fault(stage.workers[0])
    wait_until(lambda: told.ended + len(others.errors) >= EACH, "its callers know", 2 * PATIENCE)
    took = max(told.instants) - began
    lost = told.so_far()
    assert kinds_of(lost) == {"LostRemote": len(lost)}
    said = [str(each.value) for each in lost]
    said += [error.msg or str(error) for error in others.errors]
    assert len(said) == EACH
    odd = [text for text in said if not LOST.search(text)]
    assert not odd, odd
    assert {error.name or error.kind for error in others.errors} <= {"LostRemote"}
    # Those of the other worker run on, and what waited waits, until somebody is there for it.
    assert hub.statistics()["queued"] == QUEUED
    stage.work()
    answered = queued.outcomes()
    assert [each.value for each in answered] == list(range(QUEUED))
    assert hub.statistics()["in_flight"] == EACH
    return took


def worker_computes(size: Size) -> Facts:
    """A worker that is busy for ten seconds gets no new calls, loses none, and is not dead."""
    busy = size.seconds(10.0, 2.0)
    facts: Facts = {"busy_s": busy}
    for kind in kinds() if size.is_measured else kinds()[:1]:
        with Stage(ONE_HUB + "heartbeat: {interval: 0.3, timeout: 1}\n", kind, workers=1) as stage:
            client, hub = stage.client, stage.hub
            naps = Told([functools.partial(client, "sleep", 0.5)] * 250)
            computing = Told([functools.partial(client, "spin", busy)])
            hub.await_event("worker busy")
            stage.work()
            hub.await_workers(2)
            # All of them end while it computes: none has gone there.
            short = Told([functools.partial(client, "sleep", 0.01)] * 500)
            assert kinds_of(short.outcomes()) == {VALUE: 500}
            assert not computing.ended
            assert [each.value for each in computing.outcomes()] == ["spun"]
            assert kinds_of(naps.outcomes()) == {VALUE: 250}
            assert not hub.events("worker gone")
            hub.await_event("worker answers")
            before = _answered(stage)
            after = Told([functools.partial(client, "sleep", 0.01)] * 500)
            assert kinds_of(after.outcomes()) == {VALUE: 500}
            assert min((_answered(stage) - before).values()) > 0
    return facts


def _answered(stage: Stage) -> Counter[str]:
    rows: dict[str, Any] = stage.hub.statistics()["by_worker"]
    return Counter({name: row["calls"]["answered"] for name, row in rows.items()})


def calls_not_sent(size: Size) -> Facts:
    """Calls of which no byte has reached a lost worker go to another, and run there once."""
    calls = size.count(500, 60)
    # All of them are for the one worker, which takes nothing; PINGs are of no use here.
    text = ONE_HUB + (
        "heartbeat: {interval: 300, timeout: 600}\n"
        "limits: {full_bytes: 1GiB, unsent_bytes: 1GiB}\nqueue: {timeout: 600}\n"
    )
    with Stage(text, "ours", workers=0) as stage:
        out = stage.hub.endpoint("out")
        with ServerProcess(out, connect=1) as first:
            stage.hub.await_workers(1)
            first.stop()
            # More than the 64 MiB that a hub keeps of what it might have to send again.
            payload = b"x" * (90 * MIB // calls)
            made = Told(
                [functools.partial(stage.client, "mark", [n, payload]) for n in range(calls)]
            )
            stage.await_stats("all are given to it", in_flight=calls)
            first.kill()
        with ServerProcess(out, connect=1) as second:
            outcomes = made.outcomes()
            run = [token[0] for token in stage.client("marks")]
            assert second.is_running
    values, lost = split(outcomes)
    assert len(values) == len(run) == len(set(run))
    assert {each.kind for each in lost} <= {"LostRemote"}
    assert len(values) >= calls // 2
    return {"calls": calls, "moved": len(values), "lost": len(lost)}


def idempotent_calls(size: Size) -> Facts:
    """Methods that may run twice do so when their worker is lost, within the budget."""
    calls = size.count(500, 500)
    with Stage(ONE_HUB + "idempotent: [sleep]\n", "ours", workers=2) as stage:
        made = Told([functools.partial(stage.client, "sleep", 1.0)] * calls)
        stage.await_stats("all are running", in_flight=calls)
        stage.workers[0].kill()
        values, lost = split(made.outcomes())
        retried = stage.hub.statistics()["calls"]["retried"]
    assert len(values) == calls // 2 + retried
    assert {each.kind for each in lost} <= {"LostRemote"}
    # A fifth of all calls, and ten for each second of this short test.
    assert 0.2 * calls <= retried <= 0.2 * calls + 10 * 10
    return {"calls": calls, "retried": retried, "lost": len(lost)}


def split(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], list[Outcome]]:
    """Return those that gave a value, and the others."""
    values = [each for each in outcomes if each.kind == VALUE]
    return values, [each for each in outcomes if each.kind != VALUE]


SCENARIOS = (worker_lost, worker_computes, calls_not_sent, idempotent_calls)
