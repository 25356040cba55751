"""`zerorpc-client` in processes of its own: run to its end, or started and watched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
PROGRAM = str(Path(sys.executable).with_name("zerorpc-client"))
# For things that take a moment unless the machine is busy or they are broken.
PATIENCE = 30.0
_POLL = 0.004


def environment(**changes: str) -> dict[str, str]:
    """What the program sees: the installed scripts first, nothing of the terminal of the tests."""
    path = os.pathsep.join([str(Path(PROGRAM).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "TERM": "dumb", "COLUMNS": "100", **changes}


def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return subprocess.run(
        [PROGRAM, *words],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=HERE,
        timeout=PATIENCE,
        check=False,
    )


def shell(command: str, name: str = "bash") -> subprocess.CompletedProcess[str]:
    """Run a line of shell as somebody types it, the program on PATH."""
    return subprocess.run(
        [name, "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        cwd=HERE,
        timeout=PATIENCE,
        check=False,
    )


class Command:
    """A started program; its streams can be read while it runs, and `with` ends it."""

    def __init__(self, *words: str) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of `with`
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._popen = subprocess.Popen(
            [PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._errors,
            env=environment(),
            cwd=HERE,
        )

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        self._out.close()
        self._errors.close()

    @property
    def out(self) -> str:
        """What it wrote on stdout so far."""
        return os.pread(self._out.fileno(), 1 << 20, 0).decode()

    @property
    def errors(self) -> str:
        """What it wrote on stderr so far."""
        return os.pread(self._errors.fileno(), 1 << 20, 0).decode()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def wait(self) -> int:
        """Wait for the end and return the exit status."""
        return self._popen.wait(PATIENCE)

    def wait_for(self, condition: Callable[[Command], bool]) -> None:
        """Wait until something is true of it; fails with its stderr if it ends before."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self):
            assert self.is_running, f"ended: {self.errors}"
            assert time.monotonic() < deadline, f"not in time; so far: {self.out}{self.errors}"
            time.sleep(_POLL)

    @property
    def endpoint(self) -> str:
        """Where a server listens: the last port that it says was chosen."""
        return self.errors.rpartition('listening on "')[2].partition('"')[0]


@contextmanager
def serving(*words: str) -> Iterator[Command]:
    """Start a server on a free port and wait until it serves."""
    with Command("--server", "--bind", "tcp://127.0.0.1:*", *words) as server:
        server.wait_for(lambda command: "serving " in command.errors)
        yield server


def free_port() -> int:
    """Return a TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
