"""Writes lines to a file or to standard error from a thread of its own.

A write blocks while a disk or the reader of a pipe is slow; in the event loop it would hold up all
peers. So the loop hands lines over, and where they pile up they are dropped and counted.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

from gevent import monkey

_start_thread = monkey.get_original("_thread", "start_new_thread")
_allocate_lock = monkey.get_original("_thread", "allocate_lock")
_SimpleQueue = monkey.get_original("queue", "SimpleQueue")

# Some megabytes, and more than a daemon says in an hour; what comes on top would be read by nobody.
_MOST_WAITING = 10_000
_BATCH = 500
_MODE = 0o640  # the log names peers; the group may be the one that reads logs

_Item = str | Callable[[], None]


class LineWriter:
    """Appends lines to a file, or to standard error where `file` is None.

    Raises `OSError` where the file cannot be opened. Thread-safe, and never blocks but in `flush`.
    """

    def __init__(self, file: Path | None) -> None:
        self.written = self.dropped = self.failed = 0
        self._file = file
        self._descriptor = _open(file)
        # Native ones: gevent's own would switch greenlets in a thread that has none.
        self._items = _SimpleQueue()
        _start_thread(self._run, ())

    def write(self, line: str) -> None:
        """Have a line written, or counted as dropped."""
        if self._items.qsize() >= _MOST_WAITING:
            self.dropped += 1
        else:
            self._items.put(line)

    def reopen(self, file: Path | None) -> None:
        """Close the file after the lines so far and open it anew, by its name: it was rotated.

        Where that fails the old one stays, and raises here, before anything is closed.
        """
        descriptor = _open(file)
        self._items.put(lambda: self._switch(file, descriptor))

    def flush(self, timeout: float) -> bool:
        """Wait until the lines so far are written; blocks the thread that calls."""
        done = _allocate_lock()
        done.acquire()
        self._items.put(done.release)
        return bool(done.acquire(True, timeout))

    def _switch(self, file: Path | None, descriptor: int) -> None:
        if self._file is not None:
            os.close(self._descriptor)
        self._file, self._descriptor = file, descriptor

    def _run(self) -> None:
        while True:
            items = [self._items.get()]
            while len(items) < _BATCH and not self._items.empty():
                items.append(self._items.get())
            self._do(items)

    def _do(self, items: list[_Item]) -> None:
        lines: list[str] = []
        for item in items:
            if isinstance(item, str):
                lines.append(item)
                continue
            self._write(lines)
            lines = []
            item()
        self._write(lines)

    def _write(self, lines: list[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
        try:
            while data:
                try:
                    data = data[os.write(self._descriptor, data) :]
                except BlockingIOError:  # someone else made this pipe so, we share it
                    select.select([], [self._descriptor], [], 1.0)
        except OSError:
            self.failed += len(lines)  # the disk is full: the only place to tell is a counter
        else:
            self.written += len(lines)


def _open(file: Path | None) -> int:
    if file is None:
        return sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
    # Not blocking: a FIFO that nobody reads is an error, and no reason to wait for somebody.
    how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(file, how, _MODE)
