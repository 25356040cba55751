"""HAProxy before two hubs: one that is frozen and one that is killed are noticed, callers go on."""

from __future__ import annotations

import os
import signal
import urllib.request
from pathlib import Path

import gevent

import zerorpc
from tests.deploy.running import DEPLOY, adapted, await_port, running
from tests.docs.run_page import free_port
from tests.integration.hub.conftest import Start, Work
from tests.integration.running import PATIENCE, begin, outcome, wait_until
from tests.programs import require


class Where:
    """Tells which hub a call went through, as each has a worker of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def who(self) -> str:
        return self._name


def test_a_frozen_and_a_killed_hub_are_left_out(start: Start, work: Work, tmp_path: Path) -> None:
    haproxy = require("haproxy")
    hubs = [start(), start()]
    for name, hub in zip("ab", hubs, strict=True):
        work(Where(name), hub.endpoint("out"))
        hub.await_workers(1)
    port, stats = free_port(), free_port()
    changes = {"127.0.0.1:1111": f"127.0.0.1:{port}", "inter 1s": "inter 100ms"}
    changes["timeout check 2s"] = "timeout check 1s"
    for number, hub in enumerate(hubs, 1121):
        changes[f"127.0.0.1:{number}"] = hub.endpoint("in").removeprefix("tcp://")
    file = adapted(DEPLOY / "haproxy.cfg", changes, tmp_path)
    # How the backends are, in lines that a test can read.
    with file.open("a") as more:
        more.write(f"\nlisten stats\n    mode http\n    bind 127.0.0.1:{stats}\n    stats enable\n")
        more.write("    stats uri /stats\n")
    with running(haproxy, "-db", "-f", str(file), folder=tmp_path):
        await_port(port)
        wait_until(lambda: states(stats) == ["UP", "UP"], "both are up")
        assert all_answers(port) == {"a", "b"}
        os.kill(hubs[0].pid, signal.SIGSTOP)
        wait_until(lambda: states(stats) == ["DOWN", "UP"], "the frozen one is down")
        assert all_answers(port) == {"b"}
        os.kill(hubs[0].pid, signal.SIGCONT)
        wait_until(lambda: states(stats) == ["UP", "UP"], "it is back")
        hubs[1].end()
        wait_until(lambda: states(stats) == ["UP", "DOWN"], "the killed one is down")
        assert all_answers(port) == {"a"}
    # The checks are seen as what they are, and tell nobody's log each second.
    closed = hubs[0].statistics()["closed"]
    assert closed.keys() & {"reset", "never_spoke"}
    assert {each["level"] for each in hubs[0].events("connection refused")} == {"debug"}


def states(port: int) -> list[str]:
    """Return whether each hub is UP or DOWN."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats;csv", timeout=PATIENCE) as answer:
        rows = [line.split(",") for line in answer.read().decode("latin-1").splitlines()]
    status = rows[0].index("status")
    return [row[status].split()[0] for row in rows if row[1].startswith("hub_")]


def all_answers(port: int) -> set[str]:
    """Return which workers answer those who connect now."""

    def ask() -> str:
        with zerorpc.Client(f"tcp://127.0.0.1:{port}", timeout=PATIENCE) as client:
            return str(client.who())

    asking = [begin(ask) for _ in range(4)]
    gevent.joinall(asking)
    return {outcome(each) for each in asking}
