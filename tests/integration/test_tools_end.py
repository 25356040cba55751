"""The demonstration and the benchmarks start programs by the dozen, and leave none behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, wait_until
from tests.programs import ROOT

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="children are told by /proc, which Linux has"
)
TOOLS = {"demo": ["demo.demo"], "benchmarks": ["benchmarks", "P2"], "hub": ["benchmarks", "P8"]}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_tool_that_is_ended_ends_what_it_has_started(
    tool: str, number: signal.Signals, tmp_path: Path
) -> None:
    with (tmp_path / "said").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *TOOLS[tool]], cwd=ROOT, stdout=said, stderr=said
        )
        try:
            wait_until(lambda: len(_children(process.pid)) >= 2, "two of them run")
            children = _children(process.pid)
            process.send_signal(number)
            assert process.wait(PATIENCE) == 128 + number
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in (tmp_path / "said").read_text()
    assert [child for child in children if child.exists()] == []


def _children(pid: int) -> list[Path]:
    return [each for each in Path("/proc").glob("[0-9]*") if _parent_of(each) == str(pid)]


def _parent_of(process: Path) -> str:
    try:
        # Its name may have any sign in it, so that what follows is counted from the end of it.
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:  # gone meanwhile
        return ""
