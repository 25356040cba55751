"""What belongs to the process as a whole: the seed of routing ids, and what a fork must not share.

The child of a fork inherits sockets whose other half, libzmq's I/O thread, it does not have: using
one hangs. So everything that holds a socket is told, and says so to whoever uses it.
"""

from __future__ import annotations

import atexit
import ctypes
import itertools
import os
import sys
import weakref
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

import gevent
import zmq
from gevent import monkey

from zerorpc.errors import ClosedError, EndpointError
from zerorpc.transport.threads import LoopThread, close_with_thread
from zerorpc.transport.watchdog import allocate_lock, start_thread, watchdog


class Inherited(Protocol):
    """Something that a child process must not use."""

    thread: LoopThread

    def abandon(self, reason: str) -> None:
        """Become unusable, for `reason`, without touching any socket."""

    def close(self) -> None:
        """Close the sockets."""

    def finish(self, patience: float) -> None:
        """Close the sockets once what they have to send has left, in `patience` seconds at most."""


# How long (seconds) a process that ends waits for what is queued in its sockets, all together.
_FINISH_S = 1.0
# And then for what libzmq has of it: longer than anything that this library closes may linger.
_END_S = 2.0

# Python 3.12, and no other, starts no thread any more once a process begins to end.
_NEEDS_STANDBY = sys.version_info[:2] == (3, 12)
# The native one: gevent's knows greenlets only.
_SimpleQueue = monkey.get_original("queue", "SimpleQueue")

# Why the child of a fork cannot use something.
_INHERITED = "it was made by the parent of this process; make a new one after fork()"

_contexts: weakref.WeakSet[zmq.Context[Any]] = weakref.WeakSet()
_inherited: weakref.WeakSet[zmq.Context[Any]] = weakref.WeakSet()
# What holds sockets, and the context that they are of.
_holders: weakref.WeakKeyDictionary[Inherited, zmq.Context[Any]] = weakref.WeakKeyDictionary()
_forks = itertools.count(1)
_ancestry = [0]


def fork_count() -> int:
    """Return how many forks lie between this process and the one that imported the library."""
    return _ancestry[-1]


def end_with_process(context: zmq.Context[Any]) -> None:
    """See to it that what `context` was given to send leaves before the process is gone.

    Closed sockets linger in libzmq's I/O thread, which dies with the process unless the context is
    terminated: that waits for as long as they may linger. Sockets still open then linger no more.
    """
    _contexts.add(context)
    _ender.stand_by()


def check_not_inherited(context: zmq.Context[Any]) -> None:
    """Raise `ClosedError` for a context that was made before a fork: a new socket would hang."""
    if context in _inherited:
        raise ClosedError(f"this context cannot be used: {_INHERITED}")


def hold(holder: Inherited, context: zmq.Context[Any]) -> None:
    """Close `holder`, which has sockets of `context`, with its thread, and do not inherit it."""
    _holders[holder] = context
    close_with_thread(holder)


def _end_contexts() -> None:
    in_use = set()
    until = monotonic() + _FINISH_S
    for holder, context in list(_holders.items()):
        if holder.thread.is_here:
            holder.finish(max(0.0, until - monotonic()))
        else:
            # A daemon thread goes on until the process is gone. Pulling a socket away from under
            # it ended nine processes of ten by a segmentation fault.
            in_use.add(context)
    for context in set(_contexts) - in_use:
        _ender.end(context)


class _Ender:
    """Ends contexts in a native thread: for sockets that others left open it may wait for ever."""

    def __init__(self) -> None:
        self._standby: Any = None

    def stand_by(self) -> None:
        """Start the thread now, where it could not be started at the end."""
        if _NEEDS_STANDBY and self._standby is None:
            self._standby = _SimpleQueue()
            start_thread(_end_contexts_of, (self._standby,))

    def end(self, context: zmq.Context[Any]) -> None:
        """End a context, unless that takes too long."""
        ended = allocate_lock()
        ended.acquire()
        jobs = _SimpleQueue() if self._standby is None else self._standby
        jobs.put((context, ended))
        try:
            if self._standby is None:
                start_thread(_end_contexts_of, (jobs,))
            ended.acquire(timeout=_END_S)
        except RuntimeError:
            pass  # too many threads: better to lose a message than to wait for ever

    def forget(self) -> None:
        """Start over without the thread, as the child of a fork must."""
        self._standby = None


_ender = _Ender()


def _end_contexts_of(jobs: Any) -> None:
    while True:
        context, ended = jobs.get()
        context.destroy(linger=0)
        ended.release()
        # Or this frame would hold it for ever.
        del context


def open_socket(context: zmq.Context[Any], socket_type: int) -> zmq.Socket[bytes]:
    """Return a new socket; `EndpointError` when there are too many, or too many open files."""
    try:
        return zmq.Socket(context, socket_type)
    except zmq.ZMQError as error:
        raise EndpointError(f"cannot open a socket: {error}", error.errno or 0) from error


def close_when_dropped(owner: object, close: Callable[[], object]) -> None:
    """Have `close` called in the loop of this thread once nobody holds `owner` any more.

    `close` must not hold the owner itself. The garbage collector may find the owner anywhere, in
    another thread too, where the sockets must not be touched: hence by way of the loop.
    """
    finalizer = weakref.finalize(owner, LoopThread().call, close)
    finalizer.atexit = False


def _after_fork_in_child() -> None:
    _ancestry.append(next(_forks))
    for holder in list(_holders):
        # No socket may be closed here: that waits for an I/O thread which this process has not.
        holder.abandon(_INHERITED)
    _holders.clear()
    _inherited.update(_contexts)
    _contexts.clear()  # theirs to end, not ours
    watchdog.reset()
    _ender.forget()
    # The loop's epoll descriptor is shared with the parent until then.
    gevent.reinit()


def _seed_routing_ids() -> None:
    """Give libzmq's ROUTER ids that cannot be guessed.

    They count up from `rand()`, which nobody seeds, and a peer that claims the next one for itself
    makes libzmq 4.3.5 abort the process.
    """
    # The C library's, which libzmq calls; Python's own generator is another.
    ctypes.CDLL(None).srand(int.from_bytes(os.urandom(4), "little"))


_seed_routing_ids()
atexit.register(_end_contexts)
os.register_at_fork(after_in_child=_after_fork_in_child)
