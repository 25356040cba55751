"""Greenlets that run handlers, one at a time each, and are used again.

A new greenlet costs an mmap, a munmap and a page fault, 11 us on CPython 3.11; a recycled one 1 us.
Each job starts in a fresh copy of the context (`contextvars`) that the pool was made in, and a
greenlet that carries `gevent.local` values of its last job is not used again, so no job sees what
another left behind.
"""

from __future__ import annotations

import contextvars
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import gevent

if TYPE_CHECKING:
    _Greenlet = gevent.Greenlet[[], None]
else:
    _Greenlet = gevent.Greenlet  # has parameters in its stubs only

Job = TypeVar("Job")

# Parked greenlets kept for the next burst: 8 kB each.
_KEEP = 1000
# Jobs that had to wait and are then run back to back, before the loop gets a turn.
_IN_A_ROW = 256
# So many may wait before those that nobody wants any more are looked for.
_PENDING_UNSEEN = 64


class Worker(_Greenlet, Generic[Job]):
    """A greenlet that runs jobs of its pool; `job` is the current one."""

    # Attributes in slots leave `__dict__` empty unless a job used `gevent.local`: see `_run`.
    __slots__ = ("job", "pool")

    def __init__(self, pool: Workers[Job], job: Job) -> None:
        super().__init__()
        self.pool = pool
        self.job: Job | None = job

    def _run(self) -> None:
        pool = self.pool
        while self.job is not None:
            is_reusable = False
            # Cheap, as copies share what is in them until one of them changes it.
            self.gr_context = pool.context.copy()
            try:
                pool.serve(self.job)
                is_reusable = not self.__dict__  # where gevent.local keeps its values
            except gevent.GreenletExit:
                is_reusable = False  # whoever killed this greenlet may wait for its end
            finally:
                self.job = None
                pool.is_done(self, is_reusable)
            if is_reusable:
                self._park_if_free()

    def _park_if_free(self) -> None:
        """Wait for the next job, unless there is one already or this greenlet is to end."""
        pool = self.pool
        if self.job is not None or len(pool.idle) >= _KEEP or pool.is_closed:
            return
        # A stack: the greenlet that ran last has its stack in the processor's caches.
        pool.idle.append(self)
        try:
            pool.hub.switch()
        except BaseException:  # killed while it waited: it can take no job any more
            if self in pool.idle:
                pool.idle.remove(self)
            raise


class Workers(Generic[Job]):
    """Runs `serve(job)` for each submitted job, at most `limit` at a time, in order of arrival.

    `serve` may raise nothing but `GreenletExit`, after which its greenlet is not used again.
    `on_idle` is called whenever the last job has ended and none waits. Jobs that wait for their
    turn are forgotten when `is_wanted` says so: callers that give up and call again would else
    fill the memory.
    """

    def __init__(
        self,
        serve: Callable[[Job], None],
        limit: int | None = None,
        on_idle: Callable[[], None] | None = None,
        is_wanted: Callable[[Job], bool] | None = None,
    ) -> None:
        self.serve = serve
        self._on_idle = on_idle
        self._is_wanted = is_wanted
        self._look_at = _PENDING_UNSEEN
        self._in_a_row = 0
        self._is_scheduled = False  # the loop will start what waits
        self.limit = limit
        self.hub = gevent.get_hub()
        self.context = contextvars.copy_context()
        self.idle: list[Worker[Job]] = []
        self.pending: deque[Job] = deque()
        self.busy: set[Worker[Job]] = set()
        self.is_closed = False

    def submit(self, *jobs: Job) -> None:
        """Run `jobs` now, each until it first waits; or later, when `limit` are running. Hub only.

        A greenlet whose job ends without waiting goes on with the next one: that saves switching
        to it and back for each, 2 us of 15.
        """
        self.pending.extend(jobs)
        self._in_a_row = 0
        self._start_pending()
        if len(self.pending) > self._look_at:
            self._forget_unwanted()

    def _start_pending(self) -> None:
        """Start what may run now; until the loop has had its turn, where that is due."""
        while self.pending and not self._is_scheduled:
            if self.limit is not None and len(self.busy) >= self.limit:
                return
            self._start(self.pending.popleft())

    def _start(self, job: Job) -> None:
        if self.idle:
            worker = self.idle.pop()
            worker.job = job
        else:
            # Not `gevent.spawn`: it would start a turn of the loop later, behind everything else.
            worker = Worker(self, job)
        self.busy.add(worker)
        worker.switch()

    def _forget_unwanted(self) -> None:
        """Look through what waits, each time it has doubled: that is a constant cost per job."""
        if self._is_wanted is not None:
            self.pending = deque(filter(self._is_wanted, self.pending))
        self._look_at = max(_PENDING_UNSEEN, 2 * len(self.pending))

    def is_done(self, worker: Worker[Job], is_reusable: bool) -> None:
        """Take note that `worker` ended its job; starts the next one that waits."""
        if self.pending and not self.is_closed:
            self._in_a_row += 1
            if is_reusable and self._in_a_row < _IN_A_ROW:
                worker.job = self.pending.popleft()
                return
            # One for all who end before it comes, or they would together start too many.
            if not self._is_scheduled:
                self._is_scheduled = True
                self.hub.loop.run_callback(self._start_again)
        self.busy.discard(worker)
        # Asked at each end of a job, since whoever drains waits for just this moment.
        if self._on_idle is not None and not self.busy and not self.pending:
            self._on_idle()

    def _start_again(self) -> None:
        self._is_scheduled = False
        self._in_a_row = 0
        if not self.is_closed:
            self._start_pending()

    def cancel(self, worker: Worker[Job], error: BaseException) -> None:
        """Raise `error` in the job that `worker` runs, if it still runs when the hub gets there."""
        job = worker.job

        def throw() -> None:
            # By then it may run another job, or none: greenlets are used again.
            if worker.job is job and job is not None and not worker.dead:
                worker.throw(error)

        if gevent.getcurrent() is self.hub:
            throw()
        else:
            self.hub.loop.run_callback(throw)

    def close(self) -> None:
        """Let parked greenlets end, and keep none from now on."""
        self.is_closed = True
        self.pending.clear()
        idle, self.idle = self.idle, []
        # They find `job` still None and leave their loop.
        for worker in idle:
            self.hub.loop.run_callback(worker.switch)
