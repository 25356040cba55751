"""Completion in the real shells, against a real server."""

from __future__ import annotations

import os
import pty
import select
import time

import pytest

from tests.integration.cli.commands import HERE, PATIENCE, environment, free_port, run, shell
from tests.programs import require


def test_the_program_offers_remote_methods(parse: str) -> None:
    offered = run("--complete", f"zerorpc-client {parse} quote_").stdout.splitlines()
    assert [line.partition("\t")[0] for line in offered] == ["quote_from_bytes", "quote_plus"]
    assert offered[1].partition("\t")[2].startswith("Like quote(), but also replace")


def test_nobody_to_ask_is_no_error() -> None:
    for place in (f"tcp://127.0.0.1:{free_port()}", "nonsense"):
        done = run("--complete", f"zerorpc-client {place} q")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bash(parse: str) -> None:
    typed = f"zerorpc-client {parse} quote_"
    done = shell(
        'eval "$(zerorpc-client --completion bash)"\n'
        f"COMP_LINE='{typed} more' COMP_POINT={len(typed)}\n"
        '_zerorpc_client zerorpc-client; printf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p zerorpc-client zerorpc"
    )
    assert done.stdout.splitlines() == [
        "quote_from_bytes",
        "quote_plus",
        "complete -o default -F _zerorpc_client zerorpc-client",
        "complete -o default -F _zerorpc_client zerorpc",
    ]
    assert done.stderr == ""


def test_fish(parse: str) -> None:
    require("fish")
    done = shell(
        "zerorpc-client --completion fish | source\n"
        f'complete -C "zerorpc-client {parse} quote_"\n'
        'complete -C "zerorpc --conc"',
        "fish",
    )
    names = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert names == ["quote_from_bytes", "quote_plus", "--concurrency"]


@pytest.mark.timeout(PATIENCE * 3)
def test_zsh(parse: str) -> None:
    zsh = require("zsh")
    terminal = Terminal([zsh, "-f", "-i"])
    try:
        terminal.type("autoload -Uz compinit; compinit -u -D\n")
        terminal.type('eval "$(zerorpc-client --completion zsh)"; echo rea""dy\n')
        terminal.wait_for("ready")
        terminal.type(f"zerorpc-client {parse} quote_\t\t")
        terminal.wait_for("quote_from_bytes")
        terminal.wait_for("-- Like quote(), but also replace")
    finally:
        terminal.close()


class Terminal:
    """A program that believes somebody sits in front of it."""

    def __init__(self, command: list[str]) -> None:
        self._pid, self._file = pty.fork()
        if self._pid == 0:
            os.chdir(HERE)
            os.execve(command[0], command, environment(TERM="xterm", COLUMNS="120", LINES="40"))
        self._seen = ""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._file, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until the screen has shown something."""
        deadline = time.monotonic() + PATIENCE
        while text not in self._seen:
            assert time.monotonic() < deadline, self._seen
            if select.select([self._file], [], [], 0.1)[0]:
                self._seen += os.read(self._file, 65536).decode(errors="replace")

    def close(self) -> None:
        """Leave."""
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)
        os.close(self._file)
