"""How the kernel schedules libzmq's I/O threads: they do not interrupt the threads they work for.

Whoever sends a batch wakes the I/O thread with its first message. Scheduled as usual that thread
takes over at once where cores are scarce, and sends the first message alone; the peer is woken for
it, and answers in equally small pieces. As a batch thread (SCHED_BATCH) it waits for its turn and
finds more to do: on two cores 1.5 times as many calls with 100 in flight, at the price of some
percent with one in flight.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import zmq


def give_way(context: zmq.Context[Any]) -> None:
    """Have the I/O threads of `context`, which has no sockets yet, give way to those that send."""
    if _has_batch_policy():
        context.set(zmq.THREAD_SCHED_POLICY, os.SCHED_BATCH)


@cache
def _has_batch_policy() -> bool:
    """Tell whether threads of this process may be scheduled so; only Linux knows the policy."""
    # Tried out on this thread, since libzmq ends the process where the kernel refuses. Who runs
    # under another policy has chosen it for the threads that are started here, too.
    try:
        if os.sched_getscheduler(0) != os.SCHED_OTHER:
            return False
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except (AttributeError, OSError):
        return False
    return True
