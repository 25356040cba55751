"""The mill in a process of its own: its log as it comes, its admin port, its end."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.faults.processes import PATIENCE, wait_until
from tests.programs import ROOT

COMMAND = [sys.executable, "-m", "tests.integration.runtime.mill"]


class Answered:
    """What an admin port answered."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def value(self) -> Any:
        """The JSON in it."""
        return json.loads(self.text)


class Daemon:
    """A running mill; `lines` are those of its log, as far as it wrote them to standard error."""

    def __init__(self, folder: Path, text: str = "", **environment: str) -> None:
        self.file = folder / "mill.yml"
        self.configure(text)
        self.lines: list[dict[str, Any]] = []
        self._popen = subprocess.Popen(
            [*COMMAND, str(self.file)],
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, **environment},
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def configure(self, text: str) -> None:
        """Write another configuration."""
        self.file.write_text(text or "drain_timeout: 20\n")

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def hear(self, event: str, count: int = 1) -> dict[str, Any]:
        """Return the line of the log with this event, once it comes, or the count-th one."""

        def found() -> dict[str, Any] | None:
            lines = [line for line in self.lines if line.get("event") == event]
            assert lines or self._reader.is_alive() or len(lines) >= count, self.lines
            return lines[count - 1] if len(lines) >= count else None

        line = wait_until(found, f"{event} in the log")
        assert line is not None
        return line

    @property
    def admin(self) -> str:
        """Host and port of the admin port, once it is ready."""
        return str(self.hear("ready")["admin"])

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answered:
        """Send a request to the admin port."""
        data = json.dumps(body) if body is not None else None
        return ask(self.admin, path, method, data, **headers)

    def do(self, command: str, **arguments: Any) -> Any:
        """Have a command done, and return its value."""
        answered = self.ask(f"/{command}", "POST", arguments)
        assert answered.status == 200, answered.text
        return answered.value

    def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self._popen.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def end(self) -> None:
        """Leave nothing behind."""
        self._popen.kill()
        self.wait()
        assert self._popen.stderr is not None
        self._popen.stderr.close()

    def _read(self) -> None:
        assert self._popen.stderr is not None
        for line in self._popen.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"text": line.strip()})


@contextmanager
def running(folder: Path, text: str = "", **environment: str) -> Iterator[Daemon]:
    """Run a mill that is gone afterwards."""
    daemon = Daemon(folder, text, **environment)
    try:
        yield daemon
    finally:
        daemon.end()


def ask(
    address: str, path: str, method: str = "GET", data: str | None = None, **headers: str
) -> Answered:
    """Send a request to an admin port."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, data, names)
        return Answered(connection.getresponse())
    finally:
        connection.close()


def call(*arguments: object) -> tuple[int, str, str]:
    """Run the mill's command to its end; returns status, standard output and error."""
    ended = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        cwd=ROOT,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr
