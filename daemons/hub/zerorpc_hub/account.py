"""What a hub of type `queue` tells of itself: its endpoints, workers and methods, as plain data.

Sans-IO, and only reads. A row of counters belongs to a method at an endpoint; what is said of an
endpoint, of a method and of the hub is summed up here, when somebody asks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Any

from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Worker
from zerorpc_hub.rates import Rates
from zerorpc_hub.statistics import Counters, Method, add_up, bound_of, histogram, quantile

Plain = dict[str, Any]

STATES = ("ready", "full", "paused", "busy", "ejected", "leaving", "draining")
# All of them, always: an alarm on a number that is not there would never ring.
_NO_STATES = dict.fromkeys(STATES, 0)


class Ledger:
    """The books of one hub: keeps what workers did that are gone, and what rates are made of."""

    def __init__(self, broker: Broker, now: float) -> None:
        self._broker = broker
        self._rates = Rates(now)
        # By endpoint: its counters must not shrink when a worker goes.
        self._gone: dict[str, Sum] = {}

    @property
    def due(self) -> float:
        """The instant at which the counters should be noted again, for the rates."""
        return self._rates.due

    def note(self, now: float) -> None:
        """Remember the counters of now."""
        # Rows, not sums: 10,000 of them are noted in about a millisecond.
        workers = self._broker.workers
        rows: list[Method | Worker] = [*self._methods(), *workers]
        self._rates.note([(row, row.counters.opened) for row in rows], now)

    def expect(self, endpoint: str) -> None:
        """List an endpoint for workers, though none has come yet."""
        self._gone.setdefault(endpoint, Sum())

    def bury(self, worker: Worker) -> None:
        """Keep what a worker did that is gone, under its endpoint."""
        # Without a rate: it has none any more.
        self._gone[worker.endpoint].add(worker.counters, worker.latency, worker.wait)

    def export(self) -> Plain:
        """Return what no broker knows, for the books of another process."""
        return {end: (each.counters.plain(), each.latency) for end, each in self._gone.items()}

    def waits(self) -> Plain:
        """Return more of the same: apart, for hubs of before, which take the other as it was."""
        return {endpoint: each.wait for endpoint, each in self._gone.items()}

    def restore(self, state: Plain, waits: Plain, now: float) -> None:
        """Go on with these books; the broker has its own state again."""
        for endpoint, (counts, latency) in state.items():
            self.expect(endpoint)
            wait = waits.get(endpoint, histogram())
            self._gone[endpoint].add(Counters.of(counts), latency, wait)
        for worker in self._broker.workers:
            self.expect(worker.endpoint)
        # Twice, for a rate looks back over two notes, and nothing of all this is new.
        self.note(now)
        self.note(now)

    def plain(self, now: float) -> Plain:
        """Return everything."""
        switch, broker = self._broker.switch, self._broker
        traffic, whole, fronts = switch.traffic, Sum(), []
        peers = Counter(client.endpoint for client in broker.clients)
        for endpoint, methods in switch.methods.items():
            total = self._of_methods(methods.values(), now)
            # From the endpoints' sums, and not from all rows again: there may be thousands.
            whole.join(total)
            fronts.append((endpoint, {"side": "in", "peers": peers[endpoint], **total.of_calls()}))
        return {
            "clients": len(broker.clients),
            "workers": len(broker.workers),
            "queued": sum(len(pool.queue) for pool in switch.pools),
            **whole.of_calls(),
            "messages": {"in": traffic.from_clients, "out": traffic.from_workers},
            "refused": dict(traffic.refused),
            "dropped": dict(traffic.dropped),
            "pools": dict(self._pools()),
            "by_endpoint": dict([*fronts, *self._backs(now)]),
            "by_worker": {worker.name: self._worker(worker, now) for worker in broker.workers},
            "by_method": self._by_method(now),
        }

    def _methods(self) -> Iterator[Method]:
        for methods in self._broker.switch.methods.values():
            yield from methods.values()

    def _pools(self) -> Iterator[tuple[str, Plain]]:
        for pool in self._broker.switch.pools:
            queue = pool.queue
            yield (
                pool.name,
                {
                    "workers": {**_NO_STATES, **Counter(map(state_of, pool.workers))},
                    "queued": len(queue),
                    "queued_bytes": queue.bytes,
                    "queue_max": queue.max_calls,
                },
            )

    # -- rows --------------------------------------------------------------------------------

    def _of_methods(self, methods: Iterable[Method], now: float) -> Sum:
        total = Sum()
        for method in methods:
            # What was accepted, not what has ended: it shows a demand that nobody meets.
            rate = self._rates.per_second(method, method.counters.opened, now)
            total.add(method.counters, method.latency, method.wait, rate)
        return total

    def _of_workers(self, total: Sum, workers: Iterable[Worker], now: float) -> Plain:
        for worker in workers:
            rate = self._rates.per_second(worker, worker.counters.opened, now)
            total.add(worker.counters, worker.latency, worker.wait, rate)
        # Counted, not derived: calls taken back from a worker ended there in no way.
        row = {"in_flight": sum(worker.load for worker in workers), **total.plain()}
        # Who retries a call is the hub.
        del row["calls"]["retried"]
        return row

    def _backs(self, now: float) -> Iterator[tuple[str, Plain]]:
        there: dict[str, list[Worker]] = {endpoint: [] for endpoint in self._gone}
        for worker in self._broker.workers:
            there[worker.endpoint].append(worker)
        for endpoint, workers in there.items():
            total = Sum()
            total.join(self._gone[endpoint])
            row = self._of_workers(total, workers, now)
            yield endpoint, {"side": "out", "peers": len(workers), **row}

    def _worker(self, worker: Worker, now: float) -> Plain:
        return {
            "state": state_of(worker),
            "pool": self._broker.switch.pools[worker.pool_index].name,
            "endpoint": worker.endpoint,
            "weight": worker.weight,
            "is_backup": worker.is_backup,
            "connected_s": round(now - worker.joined, 3),
            **self._of_workers(Sum(), [worker], now),
        }

    def _by_method(self, now: float) -> Plain:
        # By name and not by bytes: names that no decoder tells apart share a row.
        found: dict[str, list[Method]] = {}
        for method in self._methods():
            found.setdefault(method.name, []).append(method)
        return {name: self._of_methods(rows, now).of_calls() for name, rows in found.items()}


class Sum:
    """Several rows of counters as one."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.latency, self.wait = histogram(), histogram()
        self.rate = 0.0

    def add(
        self, counters: Counters, latency: list[int], wait: list[int], rate: float = 0.0
    ) -> None:
        """Add a row."""
        self.counters.add(counters)
        add_up(self.latency, latency)
        add_up(self.wait, wait)
        self.rate += rate

    def join(self, other: Sum) -> None:
        """Add what another one has."""
        self.add(other.counters, other.latency, other.wait, other.rate)

    def of_calls(self) -> Plain:
        """Return it as plain data, with how many calls have not ended."""
        return {"in_flight": self.counters.open, **self.plain()}

    def plain(self) -> Plain:
        """Return it as plain data."""
        return {
            "rate_per_s": round(self.rate, 1),
            "calls": self.counters.plain(),
            "latency": spread(self.latency),
            "wait": spread(self.wait),
        }


def state_of(worker: Worker) -> str:
    """Return how a worker is, in a word; `ready` if it may get calls."""
    for is_so, state in (
        (worker.is_draining or worker.is_homeless, "draining"),
        (worker.is_leaving, "leaving"),
        (worker.until is not None, "ejected"),
        (worker.is_busy, "busy"),
        (worker.is_paused, "paused"),
    ):
        if is_so:
            return state
    return "ready" if worker.may_take else "full"


def spread(counts: list[int]) -> Plain:
    """Return a histogram as plain data: the buckets that hold something, each with its bound."""
    # Few do, some ten of 128, and there may be thousands of histograms: empty ones cost nothing.
    filled = [[_BOUNDS[at], counts[at]] for at in compress(_PLACES, counts)]
    return {
        "p50_s": _rounded(quantile(counts, 0.5)),
        "p99_s": _rounded(quantile(counts, 0.99)),
        "buckets": filled,
    }


def _rounded(seconds: float | None) -> float | None:
    # More digits than buckets could tell would only be read as exact.
    return None if seconds is None else float(f"{seconds:.4g}")


_PLACES = range(len(histogram()))
_BOUNDS = [_rounded(bound_of(bucket)) for bucket in _PLACES]
