"""Programs in processes of their own: start one, wait until it is ready, signal it, see it end.

Nothing here sleeps for a guessed time: everything waits for a condition, with a generous deadline.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import gevent

from tests.programs import ROOT

T = TypeVar("T")
P = TypeVar("P", bound="Process")

PATIENCE = 20.0  # for things that take milliseconds unless the machine is busy or they are broken
_POLL = 0.004
_PROGRAMS = "tests.integration.faults.programs"


def wait_until(condition: Callable[[], T], what: str, within: float = PATIENCE) -> T:
    """Return the first true value of a condition; other greenlets run meanwhile."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        gevent.sleep(_POLL)


class Process:
    """A program of this folder; a context manager that leaves no process behind."""

    def __init__(self, program: str, *arguments: object, python: str = sys.executable) -> None:
        self.program = program
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._popen = subprocess.Popen(
            [python, "-m", f"{_PROGRAMS}.{program}", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=ROOT,
        )
        self._said: deque[dict[str, Any]] = deque()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self: P) -> P:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._popen.poll() is None

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, None while it runs."""
        return self._popen.poll()

    @property
    def errors(self) -> str:
        """What the program wrote on stderr so far."""
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode(errors="replace")

    def hear(self, within: float = PATIENCE) -> dict[str, Any]:
        """Return the next line that the program says; fails when it ends without one."""

        def is_there() -> bool:
            if not self._said and not self._reader.is_alive() and not self._said:
                raise AssertionError(f"{self.program} ended ({self.returncode}):\n{self.errors}")
            return bool(self._said)

        wait_until(is_there, f"a line from {self.program}", within)
        return self._said.popleft()

    def tell(self, **command: Any) -> None:
        """Write one command to the program."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(command).encode() + b"\n")
        self._popen.stdin.flush()

    def ask(self, **command: Any) -> dict[str, Any]:
        """Write one command and return the line that answers it."""
        self.tell(**command)
        return self.hear()

    def stop(self) -> None:
        """Freeze the process where it is; returns once the system says that it stands."""
        self.signal(signal.SIGSTOP)
        wait_until(lambda: status(self.pid)["State"].startswith("T"), f"{self.program} stands")

    def resume(self) -> None:
        """Let a frozen process go on."""
        self.signal(signal.SIGCONT)

    def pin(self, core: int) -> None:
        """Let all threads that the process has now run on one core only."""
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            os.sched_setaffinity(int(thread), {core})

    def kill(self) -> None:
        """End the process without a chance to say goodbye."""
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def wait(self, within: float = PATIENCE) -> int:
        """Wait for the end of the process and return its exit status."""
        wait_until(lambda: not self.is_running, f"{self.program} ends", within)
        return self._popen.wait()

    def end(self) -> None:
        """Make sure that the process is gone and that nothing of it stays open here."""
        if self.is_running:
            self._popen.kill()
            self._popen.wait()
        self._reader.join(PATIENCE)
        for stream in (self._popen.stdin, self._popen.stdout, self._errors):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:  # what a killed program never read
                continue

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            self._said.append(json.loads(line))


def status(pid: int) -> dict[str, str]:
    """The kernel's facts about a process, by name."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def memory_bytes(pid: int) -> int:
    """How much memory a process has resident now."""
    return int(status(pid)["VmRSS"].split()[0]) << 10


def peak_bytes(pid: int) -> int:
    """How much memory a process had resident at most, since it began."""
    return int(status(pid)["VmHWM"].split()[0]) << 10


def open_files(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


class Proxy(Process):
    """The faulty TCP proxy in front of a port of this machine."""

    def __init__(self, upstream: str) -> None:
        super().__init__("proxy", upstream.rpartition(":")[2])
        self.endpoint = f"tcp://127.0.0.1:{self.hear()['port']}"

    def rule(self, *directions: str, **rule: Any) -> None:
        """Set `delay`, `rate` or `is_deaf` for "up", "down" or, given none, both."""
        self.ask(do="rule", directions=directions or ("up", "down"), **rule)

    def cut(self, is_reset: bool = True) -> None:
        """End all connections with RST, or with FIN."""
        self.ask(do="cut", is_reset=is_reset)

    def refuse(self, is_refusing: bool) -> None:
        """Begin or cease to end each new connection at once."""
        self.ask(do="refuse", is_refusing=is_refusing)


class ServerProcess(Process):
    """The test service in a process of its own; options are those of its program."""

    def __init__(self, endpoint: str = "tcp://127.0.0.1:*", **options: object) -> None:
        arguments = (f"--{key.replace('_', '-')}={value}" for key, value in options.items())
        super().__init__("server", endpoint, *arguments)
        self.endpoint: str = self.hear()["endpoint"]


class ClientProcess(Process):
    """A client in a process of its own, told what to do by `ask`."""

    def __init__(self, endpoint: str, **options: object) -> None:
        arguments = (f"--{key.replace('_', '-')}={value}" for key, value in options.items())
        super().__init__("client", endpoint, *arguments)
        self.hear()


class Bystander(Process):
    """A client that calls all the time and must notice nothing of what happens to others."""

    def __init__(self, endpoint: str, heartbeat: float = 5.0) -> None:
        super().__init__("bystander", endpoint, heartbeat)
        self.hear()
        wait_until(lambda: self.report()["calls"], "the bystander calls")

    def report(self) -> dict[str, Any]:
        """How its calls fared since the last report."""
        return self.ask(do="report")
