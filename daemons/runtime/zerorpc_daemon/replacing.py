"""Replaces the process by a new one of the same command line: the same PID, the newest code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import NoReturn

from zerorpc_daemon.core import Replace
from zerorpc_daemon.signals import held_back


class SameCommandLine(Replace):
    """What a core calls; `before` is called last, to let go of what the new process opens anew."""

    def __init__(self, before: Callable[[], None]) -> None:
        self._before = before

    def __call__(
        self, descriptors: Iterable[int] = (), environment: Mapping[str, str] | None = None
    ) -> NoReturn:
        """Become the new process; it finds descriptors under their numbers."""
        kept = list(descriptors)
        with held_back():
            try:
                for descriptor in kept:
                    os.set_inheritable(descriptor, True)
                self._before()
                os.execve(sys.executable, sys.orig_argv, {**os.environ, **(environment or {})})
            except OSError:
                for descriptor in kept:
                    os.set_inheritable(descriptor, False)
                raise
