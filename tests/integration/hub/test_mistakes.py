"""What a user does wrong is told in one line each, with exit status 2 and no traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE
from tests.programs import ROOT
from zerorpc_daemon.core import StartError
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.loading import load
from zerorpc_hub.__main__ import main
from zerorpc_hub.config import Config
from zerorpc_hub.core import HubCore

OUT = "out: 'tcp://127.0.0.1:*'\nadmin: {bind: null}\n"

# What `--check` cannot know: it shows when the hub starts.
AT_START = {
    "port": ("in: 'tcp://127.0.0.1:PORT'\n" + OUT, "another program listens there already"),
    "address": ("in: 'tcp://192.0.2.1:1'\n" + OUT, "cannot bind tcp://192.0.2.1:1: "),
    "host": ("in: 'tcp://no-such-host.invalid:1'\n" + OUT, "no-such-host.invalid"),
    "folder": ("in: 'ipc://TMP/no/such/in.sock'\n" + OUT, "no/such/in.sock: no such file"),
    "file": ("in: 'ipc://TMP/file.yml/in.sock'\n" + OUT, "not a directory"),
    "no socket": ("in: 'ipc://TMP/file.yml'\n" + OUT, "file.yml is there and is no socket"),
    # Nobody may make files there, not even root.
    "unreadable folder": ("in: 'ipc:///sys/in.sock'\n" + OUT, "/sys/in.sock: operation not"),
}


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


# One line for each of the words, in order.
AT_CHECK = {
    "yaml": ("in: [\n", ["file.yml:2:1: "]),
    "tab": ("in:\t'tcp://*:1'\n\tout: x\n", ["file.yml:1:4: a tab"]),
    "unknown key": (
        OUT + "inn: 'tcp://*:1'\n",
        ["file.yml:3:1: inn: unknown key; did you mean 'in'?"],
    ),
    "endpoint": (OUT + "in: 'tcp://nowhere'\n", ["file.yml:3:5: in: "]),
    "scheme": (OUT + "in: 'udp://*:1'\n", ["file.yml:3:5: in: "]),
    "port": (OUT + "in: 'tcp://*:99999'\n", ["file.yml:3:5: in: "]),
    "type": (OUT + "in: 'tcp://*:1'\ntype: que\n", ["file.yml:4:7: type: "]),
    "empty": ("", ["file.yml: is empty"]),
    "nothing": ("log: {}\n", ["in: is required", "out: is required"]),
    "list": ("- in\n", ["file.yml:1:1: "]),
    "two": (OUT + "in: 7\nqueue: {max: -1}\n", ["in: ", "queue.max: "]),
    "long path": (OUT + f"in: 'ipc:///{'x' * 120}'\n", ["at most 107 bytes"]),
    "bytes": ("in: \x00\n", ["file.yml:1:"]),
}


@pytest.mark.parametrize("name", AT_START)
def test_a_hub_that_cannot_start_says_why(name: str, tmp_path: Path, taken: int) -> None:
    text, words = AT_START[name]
    file = tmp_path / "file.yml"
    file.write_text(text.replace("PORT", str(taken)).replace("TMP", str(tmp_path)))
    core = HubCore(load(str(file), Config), EventLog("test"))
    with pytest.raises(StartError) as caught:
        core.start()
    said = str(caught.value)
    assert words in said.lower()
    assert "\n" not in said


def test_it_is_one_line_and_exit_status_2(tmp_path: Path, taken: int) -> None:
    (tmp_path / "foo.yml").write_text(f"in: tcp://127.0.0.1:{taken}\n{OUT}")
    done = subprocess.run(
        [sys.executable, "-m", "zerorpc_hub", str(tmp_path / "foo.yml")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=3 * PATIENCE,
        check=False,
    )
    reason = f"cannot bind tcp://127.0.0.1:{taken}: another program listens there already"
    assert (done.returncode, done.stderr) == (2, f"zerorpc-hub: {reason}\n")


@pytest.mark.parametrize("name", AT_CHECK)
def test_check_tells_each_mistake_on_a_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = AT_CHECK[name]
    file = tmp_path / "file.yml"
    file.write_text(text)
    for options in (["--check", str(file)], [str(file)]):
        assert main(options) == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == len(words), lines
        assert all(said in line for said, line in zip(words, lines, strict=True)), lines
        assert all(line.startswith(f"{file}:") for line in lines)


@pytest.mark.parametrize("name", ["nothing.yml", "."])
def test_a_file_that_cannot_be_read(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", str(tmp_path / name)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line


def test_init_writes_a_file_that_passes_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "foo.yml")
    assert main(["init", file]) == 0
    assert capsys.readouterr().err == f"{file}: written; start it with: zerorpc-hub {file}\n"
    assert main(["--check", file]) == 0
    assert capsys.readouterr().out == f"{file}: ok\n"
    assert main(["init", file]) == 2  # never over one that is there
    assert capsys.readouterr().err == f"zerorpc-hub: {file}: file exists\n"
    assert main(["init", str(tmp_path / "no" / "foo.yml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
