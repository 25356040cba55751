"""Programs of others, run as a reader of deploy/ would, on ports that are free."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.faults.processes import PATIENCE, wait_until
from tests.programs import ROOT

DEPLOY = ROOT / "deploy"


def adapted(file: Path, changes: Mapping[str, str], folder: Path) -> Path:
    """Write a copy of a file with addresses and paths of this machine; each must stand in it."""
    text = file.read_text()
    for old, new in changes.items():
        pattern = rf"(?<![\w.]){re.escape(old)}(?!\d)"
        assert re.search(pattern, text), f"{file.name} says nothing of {old}"
        text = re.sub(pattern, new, text)
    copy = folder / file.name
    copy.write_text(text)
    return copy


@contextmanager
def running(*words: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends; what it said is shown if something fails."""
    with tempfile.TemporaryFile(dir=folder) as said:
        popen = subprocess.Popen(
            words, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield popen
            assert popen.poll() is None, f"{words[0]} has ended"
        except BaseException:
            said.seek(0)
            print(f"{words[0]} said:\n{said.read().decode(errors='replace')}")
            raise
        finally:
            popen.kill()
            popen.wait(PATIENCE)


def await_port(port: int) -> None:
    """Wait until someone listens there."""

    def is_open() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_until(is_open, f"someone listens at {port}")
