"""Signals while something serves: all of them are noticed at once, and Ctrl-C ends what serves.

Python runs a signal's handler between two bytecodes of the main thread. A program that waits in
the loop runs none, and a signal that arrives just before the wait begins, or in another thread,
does not interrupt it: what the handler does, `server.stop()` for one, would wait until something
else happens.

Of Ctrl-C Python makes a `KeyboardInterrupt` in whatever greenlet is running. In a handler of calls
it would be one more exception of the handler: told to its caller, while the server goes on. So, as
asyncio does, `run()` takes the signal over where nobody else has.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType, TracebackType
from typing import Any

import gevent

from zerorpc.transport.threads import LoopThread, end_watcher


class _Alarm:
    """A pipe that Python's own signal handler writes to, in whichever thread a signal arrives.

    One for the process, in the loop of the main thread, while `users` is not 0.
    """

    def __init__(self) -> None:
        self.users = 0
        self._ends = (-1, -1)
        self._watcher: Any = None
        self._thread: LoopThread | None = None

    def take(self) -> bool:
        """Set it up, unless it is; False where this is not for us to do."""
        if not self.users and not self._set_up():
            return False
        is_here = self._thread is not None and self._thread.is_here
        self.users += is_here
        return is_here

    def _set_up(self) -> bool:
        reader, writer = os.pipe()
        for end in (reader, writer):
            os.set_blocking(end, False)
        self._ends = (reader, writer)
        try:
            before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        except ValueError:  # this is not the main thread
            self._close()
            return False
        if before != -1:  # asyncio's, say, which is to be left in peace
            signal.set_wakeup_fd(before)
            self._close()
            return False
        self._thread = LoopThread()
        # `ref=False`: a loop that has nothing else to wait for still ends as it would.
        self._watcher = gevent.get_hub().loop.io(reader, 1, ref=False)
        self._watcher.start(self._ring)
        return True

    def _ring(self) -> None:
        # On the way in here Python runs the handlers; all that is needed is to be called.
        with suppress(BlockingIOError):
            os.read(self._ends[0], 4096)

    def give_back(self) -> None:
        """Take it down when nobody needs it any more."""
        self.users -= 1
        if not self.users:
            self._take_down()

    def _take_down(self) -> None:
        end_watcher(self._watcher)
        theirs = signal.set_wakeup_fd(-1)
        if theirs not in (-1, self._ends[1]):  # someone else's, who came after us
            signal.set_wakeup_fd(theirs)
        self._close()

    def _close(self) -> None:
        for end in self._ends:
            os.close(end)
        self._ends = (-1, -1)

    def forget(self) -> None:
        """Start over, as the child of a fork must: its pipe would be its parent's."""
        if self.users:
            self._take_down()
        self.users = 0


_alarm = _Alarm()
os.register_at_fork(after_in_child=_alarm.forget)


@contextmanager
def waking_on_signals() -> Iterator[None]:
    """Have each signal wake the event loop meanwhile; without effect but in the main thread."""
    is_ours = _alarm.take()
    try:
        yield
    finally:
        # Not in the child of a fork that was made meanwhile.
        if is_ours and _alarm.users:
            _alarm.give_back()


class CtrlC:
    """While entered, SIGINT calls `stop`, interrupts what runs, and is told by `check`.

    Does nothing outside the main greenlet of the main thread, where Python's own way is right, and
    where the program has a handler of its own.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._was_pressed = False
        self._is_installed = False

    def __enter__(self) -> CtrlC:
        is_main = gevent.getcurrent() is gevent.get_hub().parent
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._on_signal)
                self._is_installed = True
            except ValueError:  # this is not the main thread
                self._is_installed = False
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Someone else may have taken the signal over meanwhile; then it is theirs to give back.
        if self._is_installed and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._was_pressed = True
        self._stop()
        if gevent.getcurrent() is not gevent.get_hub():
            raise KeyboardInterrupt  # a handler that spins must end too

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if Ctrl-C was pressed."""
        if self._was_pressed:
            raise KeyboardInterrupt
