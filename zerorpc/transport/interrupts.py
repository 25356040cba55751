"""Ctrl-C while something serves: it ends what serves, not the call that happens to run.

Python raises `KeyboardInterrupt` in whatever greenlet is running. In a handler it would be one more
exception of the handler: told to its caller, while the server goes on. So, as asyncio does, `run()`
takes the signal over where nobody else has.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType

import gevent


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
