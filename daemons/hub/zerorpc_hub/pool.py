"""Workers that serve the same methods, the balance over them, and the queue before them.

Sans-IO. Keeps in step who may take a call, so that choosing one never looks at one that may not.
"""

from __future__ import annotations

from collections.abc import Callable

from zerorpc_hub.balancing import balance
from zerorpc_hub.calls import Worker
from zerorpc_hub.policy import PoolPolicy
from zerorpc_hub.queue import CallQueue

# How much of a latency the newest answer makes up. With more, a single long job says more than all
# others: a fifth had twice the p99 where a few jobs are long.
_NEWEST = 0.05
# A failure is no chance, and is believed sooner; as soon one that has no calls becomes like others.
_BELIEVED = 0.2
# Before any was answered, a worker counts as fast as this (seconds).
_GUESSED_LATENCY = 0.001
# A call that failed counts as so many times slower than usual, or fast errors attract traffic.
_FAILURE_FACTOR = 10.0
# A starting worker gets this share at once, and no worker fills up more than so many times faster.
_STARTING_SHARE = 0.1
_MOST_UNEQUAL = 100.0
# Who fills up no faster than this is about as strong as the strongest.
_ALIKE = 1.1


class Pool:
    """Some workers, in the order in which they came."""

    def __init__(self, name: str, policy: PoolPolicy, queue: CallQueue) -> None:
        self.name = name
        self.policy = policy
        self.queue = queue
        self.workers: dict[Worker, None] = {}
        self.latency = _GUESSED_LATENCY
        # Whether the balance asks how long calls take.
        self.learns = policy.balance == "least-ewma"
        self._balances = balance(policy.balance), balance(policy.balance)
        self._first = self._balances[False]
        # Returns the worker for the next call, None where none may take it; an attribute, since a
        # call less for each call of a client is worth it.
        self.choose: Callable[[float], Worker | None] = self._first.choose
        self._backups = 0
        # Against whom newcomers are weighed, and whether all were worth the same.
        self._strongest: Worker | None = None
        self._is_equal = True

    def _choose_any(self, random: float) -> Worker | None:
        """Return the worker for the next call, of the backup if no other may get any."""
        worker = self._first.choose(random)
        if worker is None and not self._has_usable():
            return self._balances[True].choose(random)
        return worker

    def join(self, worker: Worker, now: float) -> None:
        """Take in a worker that has come."""
        worker.ewma, worker.ratio = self.latency, 1
        self.workers[worker] = None
        self._count_backups(worker.is_backup)
        self._compare(worker, now)
        self.review(worker)

    def leave(self, worker: Worker, now: float) -> None:
        """Let go of a worker that is gone."""
        if worker.is_eligible:
            worker.is_eligible = False
            self._balances[worker.is_backup].discard(worker)
        del self.workers[worker]
        self._count_backups(-worker.is_backup)
        if worker is self._strongest:
            # One that is about as strong stands in for it, until all are weighed by and by.
            alike = (each for each in self.workers if each.ratio < _ALIKE)
            self._strongest = next(alike, None)
            if self._strongest is None:
                self._weigh(now)

    def review(self, worker: Worker) -> None:
        """Notice that it may have become able or unable to take calls."""
        if worker.may_take == worker.is_eligible:
            return
        worker.is_eligible = not worker.is_eligible
        balance = self._balances[worker.is_backup]
        if worker.is_eligible:
            balance.add(worker)
        else:
            balance.discard(worker)

    def gave(self, worker: Worker) -> None:
        """Notice that it has fewer calls than it had, or answers faster."""
        if worker.is_eligible:
            self._balances[worker.is_backup].moved(worker)
        else:
            self.review(worker)

    def learn(self, worker: Worker, latency: float, *, is_failure: bool) -> None:
        """Take in how long a call took, if the pool `learns`; before `gave`."""
        if not self.learns:
            return
        if is_failure:
            latency = max(latency, _FAILURE_FACTOR * self.latency)
            worker.ewma += _BELIEVED * (latency - worker.ewma)
            return
        self.latency += _NEWEST * (latency - self.latency) / max(1, len(self.workers))
        worker.ewma += _NEWEST * (latency - worker.ewma)

    def grow(self, now: float) -> None:
        """Give workers that have come lately, or were slow, more; call this every so often."""
        if not self._is_equal:
            self._weigh(now)
        for each in self._balances:
            each.tidy()
        if self.learns:
            self._forgive()

    def _forgive(self) -> None:
        """Believe those that have nothing to do to be a little more like the others."""
        # One that was slow once would else get no call with which to show that it is not.
        for worker in self.workers:
            if worker.ewma > self.latency and not worker.load:
                worker.ewma += _BELIEVED * (self.latency - worker.ewma)
                if worker.is_eligible:
                    self._balances[worker.is_backup].moved(worker)

    def _count_backups(self, more: int) -> None:
        self._backups += more
        self.choose = self._choose_any if self._backups else self._first.choose

    def _has_usable(self) -> bool:
        return any(worker.is_usable for worker in self.workers if not worker.is_backup)

    def _compare(self, worker: Worker, now: float) -> None:
        """Work out how fast a newcomer fills up; the others only if it is the strongest."""
        # Ten thousand that come one by one would else each be weighed as often.
        strongest, share = self._strongest, self._share(worker, now)
        if strongest is None:
            self._strongest = worker
            return
        most = self._share(strongest, now)
        self._is_equal = self._is_equal and share == most
        if _leads(worker) and (share > most or not _leads(strongest)):
            self._weigh(now)
        else:
            worker.ratio = _ratio(most, share)

    def _weigh(self, now: float) -> None:
        """Work out how fast each worker fills up beside the strongest that gets calls."""
        # Beside one that gets none, the others would seem to fill up the faster the longer it is.
        shares = {worker: self._share(worker, now) for worker in self.workers}
        usable = [worker for worker in shares if worker.is_usable]
        leaders = list(filter(_leads, usable)) or usable or list(shares)
        self._strongest = max(leaders, key=shares.__getitem__, default=None)
        most = 1.0 if self._strongest is None else shares[self._strongest]
        self._is_equal = len(set(shares.values())) < 2
        for worker, share in shares.items():
            worker.ratio = _ratio(most, share)
            if worker.is_eligible:
                self._balances[worker.is_backup].moved(worker)

    def _share(self, worker: Worker, now: float) -> float:
        slow_start, age = self.policy.slow_start, now - worker.joined
        if age >= slow_start:
            return float(worker.weight)
        return worker.weight * (_STARTING_SHARE + (1 - _STARTING_SHARE) * age / slow_start)


def _leads(worker: Worker) -> bool:
    return worker.is_usable and not worker.is_backup


def _ratio(most: float, share: float) -> float:
    # Those that are stronger are not to fill up first, should they get calls all at once.
    return max(1.0, min(most / share, _MOST_UNEQUAL))
