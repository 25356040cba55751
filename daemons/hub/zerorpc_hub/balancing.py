"""Which worker gets the next call. Sans-IO; random numbers are passed in.

Every balance holds the workers that may take a call and finds the best in a time that does not grow
with their number: 1,000 workers cost what 3 do. `add` and `discard` are for workers that become
eligible or cease to be, `moved` for one that has become better: it has fewer calls than when it was
`placed`, or answers faster. That one has become worse is noticed when it would be chosen.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import log2
from typing import Protocol

from zerorpc_hub.calls import NOT_PLACED, Worker


class Balance(Protocol):
    """Chooses among the workers that may take a call."""

    def add(self, worker: Worker) -> None:
        """Take in a worker that may take calls from now on."""

    def discard(self, worker: Worker) -> None:
        """Let go of one that may not."""

    def moved(self, worker: Worker) -> None:
        """Notice that a worker has become better, or worse."""

    def tidy(self) -> None:
        """Give back memory that is not needed any more; call this every so often."""

    def choose(self, random: float) -> Worker | None:
        """Return the best one, None without any; `random` is in [0, 1).

        It gets the call, or else it has to be `moved`.
        """


class Ladder:
    """Workers on rungs by what one more call there would cost; the lowest rung is the best.

    The same choice as a scan of all, with a random one among equals, but each step is O(1). Who is
    chosen climbs at once; one with more calls than it was `placed` for does when it would be
    chosen. `cost` is asked for a worker with so many calls, one more included.
    """

    def __init__(self, cost: Callable[[Worker, int], int]) -> None:
        self._cost = cost
        self._is_plain = cost is outstanding
        self._rungs: list[list[Worker]] = [[]]
        self._lowest = 0
        self._count = 0

    def add(self, worker: Worker) -> None:
        """Take in a worker that may take calls from now on."""
        self._count += 1
        self._put(worker, len(worker.calls))

    def discard(self, worker: Worker) -> None:
        """Let go of one that may not."""
        self._count -= 1
        self._take(worker)
        worker.placed = NOT_PLACED

    def moved(self, worker: Worker) -> None:
        """Notice that a worker has become better, or worse."""
        self._take(worker)
        self._put(worker, len(worker.calls))

    def tidy(self) -> None:
        """Let go of the empty rungs above the highest worker."""
        rungs = self._rungs
        while len(rungs) > 1 and not rungs[-1]:
            rungs.pop()

    def choose(self, random: float) -> Worker | None:
        """Return one of the lowest rung, None without any."""
        if not self._count:
            return None
        rungs, lowest = self._rungs, self._lowest
        while True:
            rung = rungs[lowest]
            if not rung:
                lowest += 1
                continue
            self._lowest = lowest
            slot = int(random * len(rung))
            worker = rung[slot]
            if self._count == 1:  # it need not climb with each call
                return worker
            last = rung.pop()
            if last is not worker:
                rung[slot], last.slot = last, slot
            calls = len(worker.calls)
            if worker.placed != calls:
                # It has got more than its place says.
                self._put(worker, calls)
                lowest = self._lowest
                continue
            if worker.ratio != 1 or not self._is_plain:
                self._put(worker, calls + 1)
                return worker
            # What `_put` would do for most: one call more is one rung more.
            worker.placed = calls + 1
            worker.rung = lowest = lowest + 1
            if lowest == len(rungs):
                rungs.append([])
            rung = rungs[lowest]
            worker.slot = len(rung)
            rung.append(worker)
            return worker

    def _take(self, worker: Worker) -> None:
        # The last of the rung fills the gap, so nothing behind it moves.
        rung = self._rungs[worker.rung]
        last = rung.pop()
        if last is not worker:
            rung[worker.slot] = last
            last.slot = worker.slot

    def _put(self, worker: Worker, calls: int) -> None:
        worker.placed = calls
        worker.rung = at = self._cost(worker, calls + len(worker.orphans) + 1)
        rungs = self._rungs
        try:
            rung = rungs[at]
        except IndexError:
            rungs += ([] for _ in range(at + 1 - len(rungs)))
            rung = rungs[at]
        worker.slot = len(rung)
        rung.append(worker)
        if at < self._lowest:
            self._lowest = at


class RoundRobin:
    """Workers in turn; one of weight n takes n calls in a row."""

    def __init__(self) -> None:
        # Its own order is the turn: ends are moved in O(1), which a dict does not do.
        self._turn: OrderedDict[Worker, None] = OrderedDict()

    def add(self, worker: Worker) -> None:
        """Take in a worker that may take calls from now on."""
        worker.turns = 0
        worker.placed = NOT_PLACED  # nor does it ever move
        self._turn[worker] = None

    def discard(self, worker: Worker) -> None:
        """Let go of one that may not."""
        del self._turn[worker]

    def moved(self, worker: Worker) -> None:
        """Need not know: the turn does not ask for load."""

    def tidy(self) -> None:
        """Have nothing to give back."""

    def choose(self, random: float) -> Worker | None:  # noqa: ARG002  # the others need it
        """Return the next in turn, None without any."""
        for worker in self._turn:
            worker.turns += 1
            if worker.turns >= worker.weight:
                worker.turns = 0
                self._turn.move_to_end(worker)
            return worker
        return None


def outstanding(worker: Worker, load: int) -> int:
    """Return what a load costs where the number of calls decides."""
    return load if worker.ratio == 1 else int(load * worker.ratio)


def expected_wait(worker: Worker, load: int) -> int:
    """Return the cost where latency decides too, in eighths of a doubling: 9 % are equal."""
    return int(8 * log2(worker.ewma * load * worker.ratio * 1e6 + 1))


def balance(kind: str) -> Balance:
    """Return the balance of a name in a policy."""
    if kind == "round-robin":
        return RoundRobin()
    return Ladder(expected_wait if kind == "least-ewma" else outstanding)
