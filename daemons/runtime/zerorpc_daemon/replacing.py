"""Replaces the process by a new one of the same command line: the same PID, the newest code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

import gevent
from gevent import subprocess as cooperative

from zerorpc_daemon.core import Refused, Replace
from zerorpc_daemon.signals import held_back

# Longer than any start takes, the machine's worst day included.
_TRIAL_S = 60.0


class SameCommandLine(Replace):
    """What a core calls; `before` is called last, and may wait, or refuse after all.

    `in_copy` does so in the copy that serves meanwhile.
    """

    def __init__(self, before: Callable[[], None], in_copy: Callable[[], None]) -> None:
        self._before, self._in_copy = before, in_copy

    def try_out(self) -> None:
        """Raise `Refused` if the new process would not start, by what is installed now."""
        # In a process of its own: what is installed now need not be what runs here.
        trial = cooperative.Popen(
            [sys.executable, *sys.orig_argv[1:], "--check"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, said = trial.communicate(timeout=_TRIAL_S)
        except subprocess.TimeoutExpired:
            trial.kill()
            raise Refused(f"the new process has not started in {_TRIAL_S:.0f}s") from None
        if trial.returncode:
            # The end of a traceback says what it is about.
            lines = said.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise Refused(f"the new process would not start: {lines[-1]}")

    def __call__(
        self,
        descriptors: Iterable[int] = (),
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> NoReturn:
        """Become the new process; it finds descriptors under their numbers."""
        kept = list(descriptors)
        is_starting = None
        with held_back():
            try:
                for descriptor in kept:
                    os.set_inheritable(descriptor, True)
                # This may wait, so that the loop turns; from the copy on it must not.
                self._before()
                if meanwhile is not None:
                    is_starting = self._leave_copy(kept, meanwhile)
                os.execve(sys.executable, sys.orig_argv, {**os.environ, **(environment or {})})
            except BaseException:
                for descriptor in kept:
                    os.set_inheritable(descriptor, False)
                if is_starting is not None:
                    os.write(is_starting, b"no")
                    os.close(is_starting)
                raise

    def _leave_copy(self, kept: Iterable[int], meanwhile: Callable[[], object]) -> int:
        """Have a copy of this process go on as soon as this one is replaced.

        Until then it waits for the end of a pipe; what is returned keeps that open.
        """
        started, is_starting = os.pipe()
        child = os.fork()
        if child:
            # The child's child is nobody's to wait for, or the new process would have to know it.
            os.waitpid(child, 0)
            os.close(started)
            return is_starting
        try:
            if os.fork() == 0:
                for descriptor in (*kept, is_starting):
                    os.close(descriptor)
                # Only the kernel closes the other end without a word, when we are replaced. After a
                # word this process goes on, and nobody must serve here beside it.
                if os.read(started, 1) == b"":
                    # Watchers survive, what the system keeps for them does not.
                    gevent.reinit()
                    self._in_copy()
                    meanwhile()
        finally:
            # No farewell: everything here belongs to the process that was copied.
            os._exit(0)
