"""Ten times as many calls as the workers can take: the queue is bounded, and everyone is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import gevent

import zerorpc
from tests.integration.faults.processes import wait_until
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import ONE_HUB
from tests.integration.hub.stage import Caller, Stage, kinds

WORKERS, SLOTS, SERVICE_S = 2, 10, 0.5
CAPACITY = WORKERS * SLOTS / SERVICE_S  # calls a second
TEXT = ONE_HUB + f"max_inflight: {SLOTS}\nqueue: {{timeout: 600, max: "
FACTOR = 10
TICK_S = 0.01


@dataclass
class Offered:
    """What calls that were offered at a steady rate, whatever became of them, ended in."""

    accepted_s: list[float] = field(default_factory=list)
    refused_s: list[float] = field(default_factory=list)
    refusals: list[zerorpc.Overloaded] = field(default_factory=list)

    def call(self, client: zerorpc.Client) -> None:
        """Make one, and note how it ended."""
        began = time.monotonic()
        try:
            client("sleep", SERVICE_S)
        except zerorpc.Overloaded as error:
            self.refused_s.append(time.monotonic() - began)
            self.refusals.append(error)
        else:
            self.accepted_s.append(time.monotonic() - began)


def overload(size: Size) -> Facts:
    """Ten times the capacity: what is refused is told with the numbers, what is not is served."""
    facts: Facts = {}
    most = size.count(500, 100)
    for kind in kinds() if size.is_measured else kinds()[:1]:
        with Stage(f"{TEXT}{most}}}\n", kind, workers=WORKERS) as stage:
            measured = _overload(size, stage, most)
        facts |= {f"{kind}_{name}": value for name, value in measured.items()}
    return facts


def _overload(size: Size, stage: Stage, most: int) -> Facts:
    offered, lasts = Offered(), size.seconds(20.0, 1.0)
    calls: list[gevent.Greenlet[..., None]] = []
    others = stage.caller(stage.kind)
    queued: list[int] = []
    watching = gevent.spawn(_watch, stage, others, queued)
    began = time.monotonic()
    while (now := time.monotonic()) < began + lasts:
        # So many as are due by now: a machine that is late must not make it less.
        due = round((now - began) * FACTOR * CAPACITY) - len(calls)
        calls += [gevent.spawn(offered.call, stage.client) for _ in range(due)]
        gevent.sleep(TICK_S)
    ended = time.monotonic()
    watching.kill()
    wait_until(lambda: not stage.hub.statistics()["queued"], "the queue is empty")
    emptied = time.monotonic() - ended
    fresh = Offered()
    fresh.call(stage.client)
    gevent.joinall(calls, timeout=10, raise_error=True)
    assert len(offered.accepted_s) + len(offered.refused_s) == len(calls), "calls hang"
    assert 0 < max(queued) <= most
    assert {(each.queued, each.limit) for each in offered.refusals} == {(most, most)}
    # Not the whole queue: in a full one the greediest client gives way to the others.
    assert len(offered.accepted_s) >= most // 2
    # The few calls of the others are not crowded out by the many, and hear the same if they are.
    assert {error.name or error.kind for error in others.errors} <= {"Overloaded"}
    assert others.values(1)
    refused, accepted = p99(offered.refused_s), p99(offered.accepted_s)
    typical = sorted(offered.refused_s)[len(offered.refused_s) // 2]
    # Not the 99th percentile: that is what else runs on the machine just then.
    size.within(typical, 0.02, "half of what is refused")
    # A call that is accepted last waits for all others, and then is served; a busy machine serves
    # fewer than it could.
    rate = len(offered.accepted_s) / (ended + emptied - began)
    longest = most / rate + SERVICE_S
    size.within(accepted, 1.5 * longest, "p99 of what is accepted")
    size.within(emptied, 1.5 * longest, "the queue is empty")
    size.within(fresh.accepted_s[0], 2 * SERVICE_S, "a call right afterwards")
    return {
        "calls": len(calls),
        "refused": len(offered.refused_s),
        "refused_p50_s": typical,
        "refused_p99_s": refused,
        "accepted_p99_s": accepted,
        "emptied_s": emptied,
        "fresh_s": fresh.accepted_s[0],
        "others_refused": len(others.errors),
    }


def _watch(stage: Stage, others: Caller, queued: list[int]) -> None:
    """Look at the queue again and again, and let others call now and then."""
    while True:
        others.call(10, "sleep", SERVICE_S)
        # In a thread, or those that are timed would wait for it.
        now = gevent.get_hub().threadpool.apply(stage.hub.statistics)
        queued.append(now["queued"])
        gevent.sleep(0.2)  # how often to look: what is measured is the longest queue seen


def p99(seconds: Sequence[float]) -> float:
    """The time within which 99 of 100 ended."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


SCENARIOS = (overload,)
