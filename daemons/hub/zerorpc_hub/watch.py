"""Time at a hub: calls that waited too long, workers that are busy or ejected, silent calls.

Sans-IO. A worker is dead when its connection is; that is not decided here. It is *busy* when it
does not answer a ping: it gets no new calls and keeps those it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zerorpc.errors import RemoteProtocolError
from zerorpc.peek import peek
from zerorpc.wire import Blob
from zerorpc_hub.calls import Call, Worker
from zerorpc_hub.pool import Pool
from zerorpc_hub.records import Record, Records
from zerorpc_hub.recovery import is_refusal
from zerorpc_hub.switch import Switch

# The open calls are looked through once in so many seconds, at about 0.1 us each.
_SCAN_EVERY = 1.0
# Where heartbeats were seen, a call is given up after so many pauses as long as the longest ...
_GAPS = 4
# ... and not before so many seconds; one whose client is gone after these in any case: a worker of
# ours stops at once, stock's beats on for three intervals of five.
_LEAST_SILENCE = 10.0
_ORPHAN_SILENCE = 6.0
# What the deadlines of queued calls may be late by: the queue is looked at no more often.
_GRAIN = 0.01
# An ejection is doubled so many times at most.
_MOST_DOUBLINGS = 6


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth logging about a worker: `what` is a key, `text` a sentence's end."""

    what: str
    worker: str
    text: str = ""


class Watch:
    """Looks after the calls and workers of one hub as time goes by."""

    def __init__(
        self, switch: Switch, workers: Iterable[Worker], notices: list[Notice], now: float
    ) -> None:
        self._switch = switch
        self._workers = workers
        self._notices = notices
        self._records = Records()
        self._ping = switch.policy.ping
        self._next_ping = now + self._ping if self._ping else float("inf")
        self._next_scan = now + _SCAN_EVERY
        self._last_look = now
        self.deadline = min(self._next_ping, self._next_scan)

    def hurry(self, pool: Pool) -> None:
        """Notice that a queue has got a call, which may be the next to have waited too long."""
        due = pool.queue.deadline
        if due is not None and due < self.deadline:
            self.deadline = due

    def export(self) -> tuple[float, float, float]:
        """Return when what is to be done again and again was done last, and is due."""
        return self._next_ping, self._next_scan, self._last_look

    def restore(self, state: tuple[float, float, float]) -> None:
        """Go on with these instants; the queues' own are looked at with `hurry`."""
        self._next_ping, self._next_scan, self._last_look = state
        if not self._ping:
            self._next_ping = float("inf")
        elif self._next_ping == float("inf"):
            self._next_ping = self._last_look + self._ping
        self.deadline = min(self._next_ping, self._next_scan)

    def revise(self, now: float) -> None:
        """Follow another policy of the switch."""
        self._ping = self._switch.policy.ping
        self._next_ping = now + self._ping if self._ping else float("inf")
        self.deadline = min(self._next_ping, self._next_scan)

    def look(self, now: float) -> None:
        """Do all that is due."""
        # After a stall of our own, answers may lie unread: nobody is judged by this time.
        is_fair = now - self._last_look < 2 * max(self._ping, _SCAN_EVERY)
        self._last_look = now
        if not is_fair:
            self._forget_silences(now)
        for pool in self._switch.pools:
            self._expire(pool, now)
        if now >= self._next_ping:
            self._next_ping = now + self._ping
            for worker in self._workers:
                self._ask(worker, now, is_fair=is_fair)
        if now >= self._next_scan:
            self._next_scan = now + _SCAN_EVERY
            self._scan(now)
        queued = [pool.queue.deadline for pool in self._switch.pools]
        due = min((each for each in queued if each is not None), default=float("inf"))
        self.deadline = min(self._next_ping, self._next_scan, max(due, now + _GRAIN))

    def _expire(self, pool: Pool, now: float) -> None:
        if not pool.queue:
            return
        overdue, waited = pool.queue.expired(now)
        for call in overdue:
            self._switch.expire(call, now)
        # These included: they are what there is too much of.
        queued, limit = len(pool.queue) + len(waited), pool.queue.max_calls
        where = f"in the queue of hub {self._switch.policy.name!r}, {queued} calls of {limit} wait"
        if not any(worker.is_usable for worker in pool.workers):
            where += f"; pool {pool.name!r} has no worker that takes calls"
        for call in waited:
            message = f"{call.method.name} waited {now - call.opened:.3f}s {where}"
            self._switch.fail(call, "Overloaded", message, queued=queued, limit=limit)

    # -- pings -------------------------------------------------------------------------------

    def _ask(self, worker: Worker, now: float, *, is_fair: bool) -> None:
        if not worker.ping_token:
            self._send_ping(worker)
        elif is_fair and not worker.is_busy:
            worker.is_busy = True
            self._switch.retire(worker, now)
            self._notices.append(Notice("worker_busy", worker.name, "does not answer a ping"))

    def doubt(self, worker: Worker) -> None:
        """Take one that has just come for busy until it answers a ping, which is sent at once."""
        worker.is_busy = True
        self._send_ping(worker)

    def _send_ping(self, worker: Worker) -> None:
        worker.ping_token = worker.number()
        self._switch.out.append((worker.peer, [worker.ping_token, b"", self._switch.words.ping()]))

    def heard_ping(self, worker: Worker, blob: Blob, now: float) -> None:
        """Notice that a worker answers; what it says tells whether it is draining."""
        try:
            _, _, name, _, _, is_draining = peek(blob)
        except RemoteProtocolError:
            return
        if name.startswith(b"_zpc_"):
            # A heartbeat: its own thread may send it while the worker is busy.
            if is_draining and not worker.is_leaving:
                worker.is_leaving = True
                self._switch.retire(worker, now)
            return
        worker.ping_token = b""
        if worker.is_busy:
            self._notices.append(Notice("worker_answers", worker.name))
        worker.is_busy = False
        worker.is_leaving = is_draining or (name == b"ERR" and is_refusal(blob))
        # It may feel better, or have begun to leave.
        self._switch.review(worker)
        self._switch.settle(worker, now)

    # -- open calls --------------------------------------------------------------------------

    def _forget_silences(self, now: float) -> None:
        """Take everyone for heard just now: their peers may have stood still with this machine."""
        for worker in self._workers:
            for call in (*worker.calls.values(), *worker.orphans.values()):
                call.heard = max(call.heard, now)

    def _scan(self, now: float) -> None:
        for pool in self._switch.pools:
            pool.grow(now)
        for worker in list(self._workers):
            if worker.until is not None and now >= worker.until:
                worker.until = None
                self._notices.append(Notice("worker_readmitted", worker.name))
                self._switch.settle(worker, now)
            for call in [call for call in worker.calls.values() if self._is_due(call, now)]:
                self._give_up(call, worker, now)
            for token, call in list(worker.orphans.items()):
                if now - call.heard > max(_ORPHAN_SILENCE, 1.5 * call.gap):
                    del worker.orphans[token]
                    self._switch.settle(worker, now)

    def _is_due(self, call: Call, now: float) -> bool:
        if call.gap:
            return now - call.heard > max(_GAPS * call.gap, _LEAST_SILENCE)
        if call.expires is not None and not call.is_answered:
            return now > max(call.expires, call.heard) + _LEAST_SILENCE
        return now - call.heard > self._switch.policy.idle

    def _give_up(self, call: Call, worker: Worker, now: float) -> None:
        switch = self._switch
        silence = now - call.heard
        switch.take_back(call)
        worker.counters.failed += 1
        message = f"worker {worker.name} was silent for {silence:.0f}s ({call.method.name})"
        switch.fail(call, "LostRemote", message)
        worker.failures += 1
        switch.pools[worker.pool_index].learn(worker, now - call.sent, is_failure=True)
        self._consider_ejecting(worker, now)
        switch.settle(worker, now)

    def _consider_ejecting(self, worker: Worker, now: float) -> None:
        policy = self._switch.pools[worker.pool_index].policy
        if policy.eject_after is None or worker.failures < policy.eject_after:
            return
        if worker.until is not None or not self._may_eject(worker):
            return
        worker.failures = 0
        lasts = policy.eject_time * 2 ** min(worker.ejections, _MOST_DOUBLINGS)
        worker.ejections += 1
        self._eject(worker, now, now + lasts)

    def _may_eject(self, worker: Worker) -> bool:
        """Tell whether no more than half of its pool would be ejected with it."""
        # If most of a pool fails, it is not they who are to blame.
        others = self._switch.pools[worker.pool_index].workers
        return 2 * (sum(each.until is not None for each in others) + 1) <= len(others)

    def _eject(self, worker: Worker, now: float, until: float) -> None:
        worker.until = until
        self._switch.review(worker)
        self._notices.append(Notice("worker_ejected", worker.name, f"for {until - now:.0f}s"))

    # -- workers that come and go ------------------------------------------------------------

    def remember(self, worker: Worker, now: float, *, is_failure: bool) -> None:
        """Note how one has failed that is gone; with `is_failure` it took calls with it."""
        # One failure, however many calls: one that is killed once has not failed in a row. And
        # one that was to go has not failed.
        if is_failure and not (worker.is_leaving or worker.is_draining or worker.is_homeless):
            worker.failures += 1
        if worker.who and (worker.failures or worker.ejections):
            until = 0.0 if worker.until is None else worker.until
            record = Record(worker.failures, worker.ejections, until, now)
            self._records.keep(worker.who, record)

    def recognise(self, worker: Worker, who: str, now: float) -> None:
        """Hold against one that has joined its pool how it has failed before, if it can be told."""
        worker.who = who
        record = self._records.take(who, now)
        if record is None:
            return
        worker.failures, worker.ejections = record.failures, record.ejections
        if now < record.until and self._may_eject(worker):
            self._eject(worker, now, record.until)
        else:
            self._consider_ejecting(worker, now)
