"""A hub whose process is replaced again and again under load: no caller may notice."""

from __future__ import annotations

import signal

import zerorpc
from tests.integration.faults.outcome import VALUE
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.hub.rolling import IN_FLIGHT, Load, mesh
from tests.integration.hub.stage import Stage, installed

PAUSE_S = 0.15
# Each time another one is in force, and between them a broken one is refused.
CONFIGURATIONS = ("balance: least-ewma\n", "max_inflight: 100\n", "balance: round-robin\n", "")
BROKEN = "balance: by smell\n"


def hub_replaced(size: Size) -> Facts:
    """SIGUSR2 five times with calls and streams in flight, with other and with broken settings."""
    times = size.count(5, 1)
    # Between two replacements; together as many as pass through a rolling restart.
    calls, streams = size.count(10_000, IN_FLIGHT), size.count(40, 1)
    with mesh(hubs=1, workers=3) as there, zerorpc.Client(there.fronts) as client:
        (hub,) = there.hubs
        load, pauses = Load(client), []
        for number in range(times):
            hub.write(ONE_HUB + BROKEN)
            hub.signal(signal.SIGUSR2)
            hub.await_event("replacement refused", number + 1)
            hub.write(ONE_HUB + CONFIGURATIONS[number % len(CONFIGURATIONS)])
            pauses.append(replace(hub, number + 1))
            load.go_on(calls, streams)
        load.end()
        statistics = hub.statistics()
    assert set(load.kinds) == {VALUE}
    assert statistics["closed"] == {}
    assert statistics["calls"]["answered"] == load.calls + load.streams
    size.within(max(pauses), PAUSE_S, "the longest pause")
    return {
        "calls": load.calls,
        "streams": load.streams,
        "replaced": times,
        "pause_s": max(pauses),
    }


def hub_replaced_between_others(size: Size) -> Facts:
    """Stock and node peers, with calls on their way all the time, notice no replacement either."""
    times, calls = size.count(5, 1), size.count(500, 50)
    for kind in installed("stock", "node"):
        with Stage(ONE_HUB, kind, workers=2) as stage:
            caller = stage.caller(kind)
            for number in range(times):
                caller.call(calls, "sleep", size.seconds(3.0, 1.0))
                stage.await_stats("all are running", in_flight=calls)
                replace(stage.hub, number + 1)
                caller.values((number + 1) * calls)
            statistics = stage.hub.statistics()
        assert statistics["calls"]["answered"] == times * calls
        assert statistics["closed"] == {}
    return {"calls": times * calls, "replaced": times}


def replace(hub: HubProcess, count: int = 1) -> float:
    """Have the process replaced, for the so-manieth time; returns how long nobody served."""
    hub.signal(signal.SIGUSR2)
    hub.await_event("ready", count + 1)
    pause: float = hub.await_event("taken over", count)["pause_s"]
    return pause


SCENARIOS = (hub_replaced, hub_replaced_between_others)
