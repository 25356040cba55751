"""Hubs, workers and clients in virtual time: how long calls take, whatever the machine does.

What decides is the broker itself, fed with the events that it is fed in a hub; arrivals, the length
of jobs and random choices come from one seed. A worker does one job at a time, in the order in
which they came. `random` and `two choices` are references, which no hub offers.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Protocol

from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Worker
from zerorpc_hub.policy import Balance, Policy, PoolPolicy
from zerorpc_hub.switch import Send

RANDOM, TWO_CHOICES = "random", "two choices"
# As a hub's file says it; with at most one call a worker it is the workers that pull.
PULL = "max_inflight: 1"
HUBS: dict[str, tuple[Balance, int | None]] = {
    "round-robin": ("round-robin", None),
    "least-outstanding": ("least-outstanding", None),
    "least-ewma": ("least-ewma", None),
    PULL: ("least-outstanding", 1),
}
POLICIES = (RANDOM, "round-robin", TWO_CHOICES, "least-outstanding", "least-ewma", PULL)

# The first calls find all workers idle, and are not counted.
_WARMUP = 0.3
# More calls than that share still open at the end: the queues grow without end.
_COLLAPSED = 0.02
_FOREVER = 1e9

Job = Callable[[Random], float]


@dataclass(frozen=True, slots=True)
class Case:
    """What comes: jobs of `mean_s` on average at a speed of 1, `load` of what all workers can do.

    `hubs` share the calls evenly; each worker is connected to `links` of them, None: to all.
    """

    job: Job
    load: float
    speeds: Sequence[float]
    hubs: int = 1
    links: int | None = None
    mean_s: float = 0.01


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long calls took, in seconds; `is_stable` unless more came than could be done."""

    latencies: Sequence[float]
    is_stable: bool

    def quantile_ms(self, fraction: float) -> float:
        """Return what so many calls did not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] * 1e3


class Station:
    """A worker: one job at a time, first come, first served."""

    __slots__ = ("free_at", "outstanding", "speed")

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.free_at = 0.0
        self.outstanding = 0


# A call that has begun to wait at a station: its number, the station, and what it came under.
Start = tuple[int, Station, bytes]


class Dispatcher(Protocol):
    """Whoever gives calls to stations."""

    def arrive(self, number: int, now: float) -> Iterable[Start]:
        """Take in a call; return those that go to a station now."""

    def finish(self, number: int, station: Station, token: bytes, now: float) -> Iterable[Start]:
        """Hear that a station has answered a call; return those that go to a station now."""


class Reference:
    """Chooses by chance, the less loaded one of `choices` stations."""

    def __init__(self, stations: Sequence[Station], choices: int, random: Random) -> None:
        self._stations, self._choices, self._random = stations, choices, random

    def arrive(self, number: int, now: float) -> Iterable[Start]:  # noqa: ARG002
        """Take in a call; return those that go to a station now."""
        drawn = self._random.sample(self._stations, self._choices)
        station = min(drawn, key=lambda each: each.outstanding)
        station.outstanding += 1
        return [(number, station, b"")]

    def finish(
        self,
        number: int,  # noqa: ARG002
        station: Station,
        token: bytes,  # noqa: ARG002
        now: float,  # noqa: ARG002
    ) -> Iterable[Start]:
        """Hear that a station has answered a call; return those that go to a station now."""
        station.outstanding -= 1
        return ()


class Hub:
    """A broker with one client, to which everybody's calls come."""

    def __init__(self, stations: Sequence[Station], policy: str, random: Random) -> None:
        balance, most = HUBS[policy]
        pool = PoolPolicy(balance=balance, max_inflight=most)
        # Nobody is refused or asked whether it is well: what is compared is the choice.
        endless = Policy(
            pools=(("all", pool),),
            queue_max=1 << 40,
            queue_bytes=1 << 60,
            queue_timeout=_FOREVER,
            idle=_FOREVER,
            ping=0.0,
        )
        self._broker = Broker(endless, instance=bytes(24), random=random.random, now=0.0)
        self._client = self._broker.add_client(None, "clients", "in")
        self._workers: dict[Station, Worker] = {}
        for number, station in enumerate(stations):
            worker, _ = self._broker.add_worker(station, f"w{number}", "out", 0.0)
            self._workers[station] = worker

    def arrive(self, number: int, now: float) -> Iterable[Start]:
        """Take in a call; return those that go to a station now."""
        return _starts(self._broker.from_client(self._client, [[b"", opening(number)]], now))

    def finish(self, number: int, station: Station, token: bytes, now: float) -> Iterable[Start]:
        """Hear that a station has answered a call; return those that go to a station now."""
        frames = [token, b"", answer(number)]
        return _starts(self._broker.from_worker(self._workers[station], [frames], now))


def opening(number: int) -> bytes:
    """Return the event that opens a call, as stock sends it."""
    return b"\x93\x82\xaamessage_id\xc4\x20%032d\xa1v\x03\xa3job\x90" % number


def answer(number: int) -> bytes:
    """Return the event that ends it."""
    head = b"\x93\x83\xaamessage_id\xc4\x20%032d\xa1v\x03\xabresponse_to\xc4\x20%032d\xa2OK\x91\xc0"
    return head % (number, number)


def _starts(sends: list[Send]) -> Iterable[Start]:
    for peer, frames in sends:
        if isinstance(peer, Station):
            yield int(frames[-1][15:47]), peer, bytes(frames[0])


def simulate(case: Case, policy: str, calls: int, seed: int) -> Outcome:
    """Let so many calls come, and tell how long those took that were answered in that time."""
    # The collector would go through hundreds of thousands of workers again and again.
    gc.disable()
    try:
        return _simulate(case, policy, calls, seed)
    finally:
        gc.enable()


def _simulate(case: Case, policy: str, calls: int, seed: int) -> Outcome:
    random = Random(seed)
    stations = [Station(speed) for speed in case.speeds]
    dispatchers = _dispatchers(case, policy, stations, Random(seed + 1))
    rate = case.load * sum(case.speeds) / case.mean_s
    # What a call takes is drawn as it comes, so that each policy gets the same calls.
    opened: list[tuple[float, float, Dispatcher]] = []
    ends: list[tuple[float, int, Station, bytes]] = []
    latencies: list[float] = []
    now = 0.0
    for number in range(calls):
        now += random.expovariate(rate)
        while ends and ends[0][0] <= now:
            end, ended, station, token = heappop(ends)
            came, _, dispatcher = opened[ended]
            latencies.append(end - came)
            _begin(dispatcher.finish(ended, station, token, end), opened, ends, end)
        dispatcher = dispatchers[int(random.random() * len(dispatchers))]
        opened.append((now, case.job(random), dispatcher))
        _begin(dispatcher.arrive(number, now), opened, ends, now)
    is_stable = calls - len(latencies) < _COLLAPSED * calls + 2 * len(stations)
    return Outcome(latencies[int(_WARMUP * len(latencies)) :], is_stable)


def _begin(
    starts: Iterable[Start],
    opened: Sequence[tuple[float, float, Dispatcher]],
    ends: list[tuple[float, int, Station, bytes]],
    now: float,
) -> None:
    """Put calls at the end of what their stations have to do."""
    for number, station, token in starts:
        station.free_at = max(now, station.free_at) + opened[number][1] / station.speed
        heappush(ends, (station.free_at, number, station, token))


def _dispatchers(
    case: Case, policy: str, stations: Sequence[Station], random: Random
) -> list[Dispatcher]:
    if policy in (RANDOM, TWO_CHOICES):
        return [Reference(stations, 1 + (policy == TWO_CHOICES), random)]
    return [Hub(_linked(case, stations, hub), policy, random) for hub in range(case.hubs)]


def _linked(case: Case, stations: Sequence[Station], hub: int) -> list[Station]:
    """Return the stations of a hub: each has the next one, two, ... hubs from its own on."""
    links = case.hubs if case.links is None else case.links
    return [each for at, each in enumerate(stations) if (hub - at) % case.hubs < links]
