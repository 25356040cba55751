"""The talk's hub as the talk shows it: its file, its three commands, its ports."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.running import wait_until
from tests.interop.command_line import STOCK
from tests.interop.peer_process import PATIENCE, environment, require

FOO = """\
in: "tcp://*:1111"
out: "tcp://*:2222"
type: queue
"""
BIN = Path(sys.executable).parent
OURS = [str(BIN / "zerorpc-client")]
HUB = [str(BIN / "zerorpc-hub")]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with `foo.yml`, while nobody else on this machine uses the talk's ports."""
    with (Path(tempfile.gettempdir()) / "zerorpc-talk.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (tmp_path / "foo.yml").write_text(FOO)
        yield tmp_path


def test_three_lines_and_three_commands(folder: Path) -> None:
    require("stock")
    with running([*HUB, "foo.yml"], folder) as hub:
        await_text(hub, "ready")
        for number, (worker, clients) in enumerate(((OURS, (OURS, STOCK)), (STOCK, (OURS,))), 1):
            with running([*worker, "--server", "tcp://localhost:2222", "urllib.parse"], folder):
                await_text(hub, "worker connected", number)
                for client in clients:
                    title, *lines = said(client).stdout.splitlines()
                    assert title.strip() == "[urllib.parse]"
                    assert {"quote", "urlencode"} <= {line.split(" ")[0] for line in lines}
                called = said(OURS, "quote", "hello pycon")
                assert (called.returncode, called.stdout) == (0, "'hello%20pycon'\n")
            await_text(hub, "worker gone", number)


def said(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, "tcp://localhost:1111", *arguments],
        capture_output=True,
        text=True,
        env=environment() | {"NO_COLOR": "1", "COLUMNS": "100"},
        timeout=PATIENCE,
        check=False,
    )


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[Path]:
    """Run a command for the duration of a `with` block; yields the file of what it says."""
    said = folder / f"{Path(command[0]).name}.log"
    with said.open("w") as stream:
        process = subprocess.Popen(
            command, stderr=stream, env=environment(), cwd=folder, stdin=subprocess.DEVNULL
        )
        try:
            yield said
        finally:
            process.kill()
            process.wait()


def await_text(said: Path, text: str, count: int = 1) -> None:
    """Wait until a command has said something so often."""
    wait_until(lambda: said.read_text().count(text) >= count, f"{text!r} in what it says")
