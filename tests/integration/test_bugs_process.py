"""Bugs of stock that show in whole processes; the numbers are those of tests/test_bugs.py."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.processes import Process, ServerProcess, wait_until
from tests.integration.raw_server import RawServer
from tests.programs import ROOT


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as started:
        yield started


def test_b12_a_process_that_closes_nothing_ends_at_once_and_quietly(server: ServerProcess) -> None:
    with Process("leaver", server.endpoint) as leaver:
        assert leaver.hear() == {"leaves": True}
        assert leaver.wait() == 0, leaver.errors
        assert leaver.errors == ""


def test_b12_nothing_has_a_finaliser_that_could_switch() -> None:
    package = Path(zerorpc.__file__).parent
    assert not [path for path in package.rglob("*.py") if "def __del__" in path.read_text()]


def test_b23_a_forked_child_has_fresh_sockets_and_ids(server: ServerProcess) -> None:
    with Process("forker", server.endpoint) as forker:
        child, parent = forker.hear(), forker.hear()
    assert (child["who"], parent["who"]) == ("child", "parent")
    assert child["inherited"]["kind"] == "ClosedError"
    assert "fork" in child["inherited"]["value"]
    assert parent["inherited"]["kind"] == "value"
    assert (child["own"]["value"], parent["own"]["value"]) == (2, 2)
    assert not set(child["ids"]) & set(parent["ids"])
    assert not {each[8:] for each in child["ids"]} & {each[8:] for each in parent["ids"]}


def run_command(*arguments: str) -> tuple[str, str, int]:
    """Run our command while this process's greenlets go on."""
    command = subprocess.Popen(
        [sys.executable, "-m", "zerorpc", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    wait_until(lambda: command.poll() is not None, "the command ends")
    out, err = command.communicate()
    return out, err, command.returncode


def test_b25_the_command_calls_and_inspects_on_this_python(server: ServerProcess) -> None:
    out, err, status = run_command(server.endpoint, "echo", "hello")
    assert (out, status) == ("'hello'\n", 0), err
    out, err, status = run_command(server.endpoint, "echo", "-?")
    assert status == 0, err
    assert "echo(" in out


def test_b33_the_command_reads_the_list_form_of_old_servers() -> None:
    methods = [[b"add", [[b"self", b"a", b"b"], None, None, [3]], b"Add two numbers."]]

    def answer_all(raw: RawServer) -> None:
        while True:
            request = raw.take()
            answers: dict[str, Any] = {
                "_zerorpc_inspect": {b"name": b"old", b"methods": methods},
                "_zerorpc_name": b"old",
            }
            raw.answer(request, "OK", [answers.get(request.name)])

    with RawServer() as raw:
        answering = gevent.spawn(answer_all, raw)
        out, err, status = run_command(raw.endpoint)
        answering.kill()
    assert status == 0, err
    assert "add" in out
    assert "Add two numbers." in out
