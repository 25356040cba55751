"""Which thread a socket belongs to, and what becomes of it when that thread ends.

A socket and its watchers may be used in one thread only, the one with the loop they were made for.
What another thread wants, `close()` above all, is handed over to that loop.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

import gevent
from gevent import monkey
from gevent.event import AsyncResult

# The native ones, where gevent has patched these modules too: its own know greenlets only.
_get_ident = monkey.get_original("_thread", "get_ident")
_local = monkey.get_original("_thread", "_local")()
_start_thread = monkey.get_original("_thread", "start_new_thread")

Result = TypeVar("Result")

# The locks of this package are held for milliseconds: who waits longer, waits for itself.
_INTERRUPTED_S = 0.1


class Closable(Protocol):
    """Something to be closed."""

    def close(self) -> None:
        """Close it; harmless when it is closed."""


class LoopThread:
    """The thread that this was made in, and the loop that runs there."""

    __slots__ = ("_ident", "_loop")

    def __init__(self) -> None:
        # Two threads never have the same one at a time; a loop of a thread that ended is not run
        # again.
        self._ident = _get_ident()
        self._loop = gevent.get_hub().loop

    @property
    def is_here(self) -> bool:
        """Whether that is the running thread."""
        return bool(_get_ident() == self._ident)

    def call(self, functor: Callable[..., Any], *args: Any) -> None:
        """Have a function called there, at the loop's next turn; never, where the loop is gone."""
        with suppress(ValueError):
            self._loop.run_callback_threadsafe(functor, *args)


def is_interrupted(lock: Any) -> bool:
    """Tell whether this is a signal's handler that interrupted its own thread, which has `lock`.

    Then nothing of what it protects can be used before the handler has returned.
    """
    if not lock.acquire(timeout=_INTERRUPTED_S):
        return True
    lock.release()
    return False


def call_off_the_loop(functor: Callable[..., Result], *args: Any, **options: Any) -> Result:
    """Return what a function that blocks returns, while the loop and other greenlets go on.

    It runs in a native thread. In the hub, which cannot wait, it is called as it is.
    """
    hub = gevent.get_hub()
    if gevent.getcurrent() is hub:
        return functor(*args, **options)
    here = LoopThread()
    result: Any = AsyncResult()

    def work() -> None:
        try:
            here.call(result.set, functor(*args, **options))
        except BaseException as error:
            here.call(result.set_exception, error)

    # A loop that nothing else keeps going would end before the thread does.
    busy = hub.loop.async_()
    busy.start(int)
    try:
        _start_thread(work, ())
        returned: Result = result.get()
    finally:
        end_watcher(busy)
    return returned


def end_watcher(watcher: Any) -> None:
    """Stop a watcher for good, also where its loop was destroyed first (`hub.destroy()`)."""
    with suppress(ValueError):  # which is how gevent says so
        watcher.stop()
        watcher.close()


class _Tenure:
    """Lives as long as its thread, whose locals hold it."""


def close_with_thread(held: Closable) -> None:
    """Have `held` closed when the running thread ends, since its loop runs no more then.

    A thread that ends drops its clients, if it did not close them, too late for its loop to do so.
    """
    if not hasattr(_local, "tenure"):
        _local.tenure = _Tenure()
        _local.held = weakref.WeakSet()
        end = weakref.finalize(_local.tenure, _close_all, _local.held, os.getpid())
        end.atexit = False
    _local.held.add(held)


def _close_all(held: weakref.WeakSet[Closable], process: int) -> None:
    # In the child of a fork the threads of its parent end, but what they held is the parent's.
    if os.getpid() == process:
        for each in list(held):
            each.close()
