"""`zerorpc-hub top` and the orders of the command line, as typed at a running hub."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import HubProcess
from tests.integration.running import PATIENCE, Dial, begin, outcome
from tests.programs import ROOT
from zerorpc_hub.__main__ import main

COMMAND = [sys.executable, "-m", "zerorpc_hub"]
TOKEN = "a-token-of-enough-characters"


class Simple:
    """Two methods, one of which fails."""

    def good(self) -> int:
        return 1

    def bad(self) -> None:
        raise ValueError("bad")


class Said(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


class Call(Protocol):
    """Runs the command, in this process: a new one each time would take seconds."""

    def __call__(self, *words: str) -> Said: ...


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run `zerorpc-hub` with some words, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> Said:
        capsys.readouterr()
        return Said(main(words), *capsys.readouterr())

    return run


def url_of(hub: HubProcess) -> str:
    return f"http://{hub.events('ready')[-1]['admin']}"


@pytest.fixture
def hub(start: Start, work: Work, dial: Dial) -> HubProcess:
    """A hub that has answered a call to a worker."""
    hub = start()
    work(Simple(), hub.endpoint("out"))
    hub.await_workers(1)
    assert outcome(begin(dial(hub.endpoint("in")).good)) == 1
    return hub


def test_one_table(hub: HubProcess, call: Call) -> None:
    status, said, problem = call("top", url_of(hub), "--once", "--interval", "0.1")
    assert (status, problem) == (0, "")
    lines = said.split("\n")
    assert lines[0].startswith("zerorpc-hub ")
    assert lines[2].startswith("hub: 1 client, 1 worker, 0 in flight, 0/10000 queued")
    assert [line.split()[0] for line in lines if " CALLS/S" in line] == [
        *("ENDPOINT", "WORKER", "METHOD"),
    ]
    assert max(map(len, lines)) <= 80
    # The worker lives in this process, which may have kept it from answering a ping.
    assert any(re.match(r"127\.0\.0\.1:\d+ +(ready|busy) ", line) for line in lines)


def test_the_same_as_json(hub: HubProcess, call: Call) -> None:
    words = ("top", url_of(hub), "--once", "--json", "--interval", "0.1", "--sort", "name")
    told = json.loads(call(*words)[1])
    assert told["hubs"]["hub"]["methods"][0]["name"] == "good"
    assert told["daemon"]["pid"] == hub.pid


def test_a_live_table_takes_keys_and_gives_the_terminal_back(hub: HubProcess) -> None:
    with terminal(*COMMAND, "top", url_of(hub), "--interval", "0.1") as screen:
        screen.await_text("(rate)")
        screen.type("9")
        screen.await_text("(p99)")
        screen.type("q")
        screen.await_text("\x1b[?1049l")
        assert screen.wait() == 0
        assert "METHOD" in screen.text


def test_orders_by_name(hub: HubProcess, call: Call) -> None:
    url = url_of(hub)
    status, said, _ = call("peers", url)
    rows = [line.split() for line in said.splitlines()]
    assert rows[0][:3] == ["HUB", "PEER", "SIDE"]
    (worker,) = (row[1] for row in rows if row[2] == "out")
    assert call("drain", worker, url, "--wait", "10")[0] == 0
    assert hub.statistics()["by_worker"][worker]["state"] == "draining"
    assert json.loads(call("undrain", "*", "--json", url)[1])[0]["worker"] == worker
    assert call("channels", url)[:2] == (0, "none\n")
    assert call("log-level", "loud", url)[0] == 2
    status, said, problem = call("kick", "10.0.0.1:*", url)
    assert (status, said) == (2, "")
    assert "no peer is called '10.0.0.1:*'; `peers` lists them" in problem
    assert problem.count("\n") == 1


def test_a_token_is_taken_from_a_file_or_the_environment(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    with HubProcess(tmp_path) as hub:
        hub.write("in: 'tcp://127.0.0.1:*'\nout: 'tcp://127.0.0.1:*'\n")
        text = hub.file.read_text().replace("0'}", f"0', token_file: {secret}}}")
        hub.file.write_text(text)
        url = url_of(hub)
        assert call("reload", url)[0] == 0
        assert "the token is needed" in call("peers", url)[2]
        assert call("peers", url, "--token-file", str(secret))[:2] == (0, "none\n")
        monkeypatch.setenv("ZERORPC_ADMIN_TOKEN", TOKEN)
        assert call("peers", url).status == 0
        monkeypatch.setenv("ZERORPC_ADMIN_TOKEN", TOKEN[::-1])
        assert "the token is not the right one" in call("peers", url)[2]
        for token in ("0123456789abcd€€", f"{TOKEN}\n"):
            monkeypatch.setenv("ZERORPC_ADMIN_TOKEN", token)
            assert "the token should be printable ASCII" in call("peers", url)[2]


def test_who_is_no_hub_is_told_in_a_line(call: Call) -> None:
    status, said, problem = call("top", "127.0.0.1:1", "--once")
    assert (status, said) == (2, "")
    assert problem == "zerorpc-hub top: 127.0.0.1:1: connection refused\n"


def test_the_port_of_another_protocol_is_told_in_a_line(hub: HubProcess, call: Call) -> None:
    url = hub.endpoint("in").removeprefix("tcp://")
    _, _, problem = call("peers", url)
    assert problem == f"zerorpc-hub peers: {url}: this is not an admin port\n"


class Screen:
    """What a program writes on a terminal of its own."""

    def __init__(self, popen: subprocess.Popen[bytes], descriptor: int) -> None:
        self._popen, self._descriptor = popen, descriptor
        self.text = ""

    def await_text(self, part: str) -> None:
        """Read until something is written."""
        end = time.monotonic() + PATIENCE
        while part not in self.text:
            left = end - time.monotonic()
            assert left > 0, self.text
            if select.select([self._descriptor], [], [], left)[0]:
                self.text += os.read(self._descriptor, 65536).decode()

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def wait(self) -> int:
        """Return the exit status."""
        return self._popen.wait(PATIENCE)


@contextmanager
def terminal(*words: str) -> Iterator[Screen]:
    """Run a program on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    popen = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment
    )
    os.close(theirs)
    try:
        yield Screen(popen, ours)
    finally:
        popen.kill()
        popen.wait()
        os.close(ours)
