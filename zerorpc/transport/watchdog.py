"""A native thread that sends heartbeats while user code keeps the gevent loop from running.

A handler that computes, or calls something that blocks, holds up every greenlet of its process, so
nobody would send the heartbeats of all the other calls, and their peers would take a busy process
for a dead one. One thread per process looks after all sockets, eight times in the shortest
interval. It sends only what is overdue, and asks the loops of servers for a sign of life: some
50 us for each look at each socket, and nothing that a call would notice.

It cannot help while a C call holds the interpreter lock: no Python thread runs then.
"""

from __future__ import annotations

import weakref
from typing import Protocol

import zmq
from gevent import monkey

_sleep = monkey.get_original("time", "sleep")
start_thread = monkey.get_original("_thread", "start_new_thread")
allocate_lock = monkey.get_original("_thread", "allocate_lock")
# One that a signal handler may take again in the thread that it interrupts, to close something.
_allocate_lock = monkey.get_original("_thread", "RLock")

# How often the thread looks, as a part of the shortest heartbeat interval, and within these bounds
# (seconds): with none, a very short interval would keep a core busy.
_LOOKS_PER_INTERVAL = 8
_SHORTEST_SLEEP_S = 0.001
_LONGEST_SLEEP_S = 1.0


class Watched(Protocol):
    """What the watchdog looks after: something with a heartbeat of `interval` seconds."""

    interval: float | None

    def beat_if_overdue(self) -> None:
        """Send the heartbeats that the loop should have sent by now; called from the thread."""

    def tell_of_failed_beat(self, error: Exception) -> None:
        """Report that `beat_if_overdue` raised what it should not; called from the thread, once."""


class Watchdog:
    """The set of what is watched, and the thread, which lives as long as there is any."""

    def __init__(self) -> None:
        # Weakly, or a thread would keep every client alive that somebody drops.
        self._watched: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._failed: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._lock = _allocate_lock()
        self._is_running = False

    def add(self, watched: Watched) -> None:
        """Look after `watched` from now on, until `discard` or until nobody holds it.

        Raises `RuntimeError` where the process may have no more threads; the next may try again.
        """
        with self._lock:
            if not self._is_running:
                start_thread(self._run, ())  # which waits for the lock
                self._is_running = True
            self._watched.add(watched)

    def discard(self, watched: Watched) -> None:
        """Look after `watched` no more."""
        with self._lock:
            self._watched.discard(watched)

    def _run(self) -> None:
        try:
            while (pause := self._look()) is not None:
                _sleep(pause)
        except BaseException:
            with self._lock:
                self._is_running = False  # or there would never be another
            raise

    def _look(self) -> float | None:
        """Look after all of them once; returns when to look again, None when there are none."""
        with self._lock:
            watched = list(self._watched)
            if not watched:
                # Under the lock, so that `add` cannot believe in a thread that is just leaving.
                self._is_running = False
                return None
        for each in watched:
            try:
                each.beat_if_overdue()
            except zmq.ZMQError:  # someone ended its context: it has no socket to beat on
                self.discard(each)
            except Exception as error:  # a mistake of ours, for which no other socket must pay
                self._tell(each, error)
        shortest = min(each.interval or _LONGEST_SLEEP_S for each in watched)
        return min(max(shortest / _LOOKS_PER_INTERVAL, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)

    def _tell(self, watched: Watched, error: Exception) -> None:
        """Report the first failure of each; the next look may go well, so it stays watched."""
        if watched not in self._failed:
            self._failed.add(watched)
            watched.tell_of_failed_beat(error)

    def reset(self) -> None:
        """Start over without thread and watched, as the child of a fork must."""
        self.__init__()  # type: ignore[misc]  # there is no other way to replace the lock


# One for the process: a thread for each socket would cost a stack of its own, and wake up as often.
watchdog = Watchdog()
