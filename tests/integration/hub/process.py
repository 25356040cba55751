"""A hub in a process of its own: started from a file, asked, signalled and ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.integration.running import PATIENCE, wait_until
from tests.programs import ROOT

P = TypeVar("P", bound="HubProcess")

ONE_HUB = """\
in: "tcp://127.0.0.1:*"
out: "tcp://127.0.0.1:*"
"""


class HubProcess:
    """A hub of a configuration; a context manager that leaves no process behind.

    The text is written into `folder`; the admin port is any free one. `variables` are added to
    its environment.
    """

    def __init__(
        self,
        folder: Path,
        text: str = ONE_HUB,
        *,
        is_ready: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.file = folder / "hub.yml"
        self.write(text)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "zerorpc_hub", str(self.file)],
            stdin=subprocess.DEVNULL,
            stderr=self._errors,
            cwd=ROOT,
            env={**os.environ, **(variables or {})},
        )
        if is_ready:
            self.await_event("ready")

    def write(self, text: str) -> None:
        """Write another configuration, for a reload."""
        log, admin = "\nlog: {level: debug, format: json}\n", "admin: {bind: '127.0.0.1:0'}\n"
        self.file.write_text(text + log + admin)

    def __enter__(self: P) -> P:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def text(self) -> str:
        """What it wrote on stderr so far."""
        return os.pread(self._errors.fileno(), 1 << 22, 0).decode(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of its log that tell of one kind of event."""
        lines = self.text.split("\n")[:-1]
        said = [json.loads(line) for line in lines if line.startswith("{")]
        return [each for each in said if each["event"] == name]

    def await_event(self, name: str, count: int = 1) -> dict[str, Any]:
        """Wait until it has told of something so often, and return the last time."""

        def is_told() -> bool:
            assert self._popen.poll() is None, f"the hub ended:\n{self.text}"
            return len(self.events(name)) >= count

        wait_until(is_told, f"the hub tells: {name}")
        return self.events(name)[-1]

    def endpoint(self, side: str, hub: str = "hub") -> str:
        """Return the last of the endpoints that a hub has at a side: "in" or "out"."""
        return str(self.statistics(hub)[side][-1])

    def statistics(self, hub: str = "hub") -> dict[str, Any]:
        """Return what a hub has counted."""
        stats: dict[str, Any] = self.ask("/stats")["hubs"][hub]
        return stats

    def ask(self, path: str) -> Any:
        """Return what the admin port answers."""
        address = self.events("ready")[-1]["admin"]
        with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def await_workers(self, count: int, hub: str = "hub") -> None:
        """Wait until so many workers are there."""
        wait_until(lambda: self.statistics(hub)["workers"] == count, f"{count} workers")

    def signal(self, number: int) -> None:
        """Send a signal."""
        self._popen.send_signal(number)

    def kill(self) -> None:
        """End it without a word of its own."""
        self._popen.kill()
        self._popen.wait()

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end and return its exit status."""
        wait_until(lambda: self._popen.poll() is not None, "the hub ends")
        return self._popen.wait()

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._popen.poll() is None:
            self._popen.kill()
            self._popen.wait()
        self._errors.close()
