"""The pool of handler greenlets by itself: how many jobs run at a time, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import gevent.event
import pytest
from gevent.local import local

from zerorpc.transport.workers import Workers


class Watched:
    """A pool whose jobs tell how many of them run."""

    def __init__(self, limit: int | None, behave: Callable[[int], None]) -> None:
        self.order: list[int] = []
        self.running = self.most = 0
        self._behave = behave
        self.is_over = gevent.event.Event()
        self.pool = Workers(self._serve, limit, self.is_over.set)

    def _serve(self, job: int) -> None:
        self.order.append(job)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            self._behave(job)
        finally:
            self.running -= 1

    def run(self, jobs: int, at_once: int) -> None:
        """Submit jobs from the hub, so many in each turn, and wait for their end."""
        for first in range(0, jobs, at_once):
            batch = range(first, min(first + at_once, jobs))
            gevent.get_hub().loop.run_callback(self.pool.submit, *batch)
            gevent.sleep()
        assert self.is_over.wait(20)


_KEPT = local()


def leave_something(_job: int) -> None:
    """Make the greenlet useless for others, by a value that they must not see."""
    _KEPT.value = 1


def leave_something_late(job: int) -> None:
    """The same, after a turn of the loop."""
    gevent.sleep()
    _KEPT.value = job


def end_the_greenlet(job: int) -> None:
    """What `gevent.kill` does to a job, at once or after a turn."""
    if job % 2:
        gevent.sleep()
    raise gevent.GreenletExit


def hardly_wait(job: int) -> None:
    """Long rows that do not wait, and a few that do."""
    if job % 300 == 0:
        gevent.sleep()


@pytest.mark.parametrize("behave", [leave_something, leave_something_late, hardly_wait])
@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_run_at_a_time_than_the_limit(
    limit: int, at_once: int, behave: Callable[[int], None]
) -> None:
    watched = Watched(limit, behave)
    watched.run(1000, at_once)
    assert watched.most <= limit
    assert watched.order == list(range(1000))


@pytest.mark.parametrize("limit", [1, 3])
def test_killed_jobs_make_room_for_one_each(limit: int) -> None:
    watched = Watched(limit, end_the_greenlet)
    watched.run(200, 50)
    assert watched.most <= limit
    assert watched.order == list(range(200))


def test_the_loop_gets_its_turn_within_a_long_row() -> None:
    turns: list[int] = []
    watched = Watched(None, lambda _job: None)

    def look() -> None:
        turns.append(len(watched.order))

    loop = gevent.get_hub().loop
    loop.run_callback(watched.pool.submit, *range(1000))
    loop.run_callback(look)
    assert watched.is_over.wait(20)
    assert 0 < turns[0] < 1000
