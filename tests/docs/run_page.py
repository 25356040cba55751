"""Runs a page from top to bottom and says, with its line, what did not come out as printed."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from tests.docs.pages import (
    FORBIDDEN,
    Block,
    Command,
    blocks,
    commands,
    is_match,
    with_free_ports,
)
from tests.docs.shell import Shell

ROOT = Path(__file__).parents[2]
INTERPRETER = Path(__file__).with_name("interpreter.py")
COMMAND_SECONDS = 60.0


class PageError(AssertionError):
    """Something on the page is not so."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago."""
    # Not one that the system would give: it may give the same to a connection the moment after.
    chance = random.SystemRandom()
    while True:
        with socket.socket() as probe:
            port = chance.randrange(15_000, 32_000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def environment() -> dict[str, str]:
    """What commands of a page see: the installed scripts first, no colours, nothing buffered."""
    environ = {name: value for name, value in os.environ.items() if name != "CI"}
    environ.update(
        PATH=os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", "")]),
        NODE_PATH=str(ROOT / ".peers" / "node" / "node_modules"),
        PYTHONUNBUFFERED="1",
        PYTHONDONTWRITEBYTECODE="1",
        TERM="dumb",
        COLUMNS="100",
    )
    return environ


class Page:
    """One page at work: its folder, its shell and its interpreter."""

    def __init__(self, name: str, folder: Path, job_folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._shell = Shell(folder, environment(), job_folder)
        self._interpreter: subprocess.Popen[str] | None = None
        # So that a page may say .venv/bin/python, as a reader in the project's folder does.
        (folder / ".venv").symlink_to(sys.prefix)

    def close(self) -> None:
        """End every process of the page."""
        self._shell.close()
        if self._interpreter is not None:
            self._interpreter.kill()
            self._interpreter.communicate()

    def run(self, block: Block) -> None:
        """Do with one block what its language asks for."""
        if block.language in FORBIDDEN:
            self._fail(block.line, f"write ```console or ```python, not ```{block.language}")
        elif block.exemption is not None:
            return
        elif block.file_name is not None:
            path = self._folder / block.file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text + "\n")
        elif block.language == "python":
            self._run_python(block)
        elif block.language == "console":
            for command in commands(block):
                self._run_command(command)

    def _run_python(self, block: Block) -> None:
        if self._interpreter is None:
            self._interpreter = subprocess.Popen(
                [sys.executable, str(INTERPRETER)],
                cwd=self._folder,
                env={**environment(), "PYTHONPATH": str(self._folder)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        answer = self._ask(self._interpreter, block)
        if answer["error"]:
            self._fail(block.line, answer["error"])
        if block.prints is not None and not is_match(block.prints, answer["printed"]):
            self._fail(block.line, _difference(block.prints, answer["printed"]))

    def _ask(self, interpreter: subprocess.Popen[str], block: Block) -> dict[str, str]:
        assert interpreter.stdin is not None
        assert interpreter.stdout is not None
        request = {"code": block.text, "name": self._name, "line": block.line}
        interpreter.stdin.write(json.dumps(request) + "\n")
        interpreter.stdin.flush()
        line = interpreter.stdout.readline()
        if not line:
            self._fail(block.line, "the interpreter ended")
        answer: dict[str, str] = json.loads(line)
        return answer

    def _run_command(self, command: Command) -> None:
        expected = "\n".join(command.expected)
        rehearsal = REHEARSALS.get(command.text.split()[0])
        if rehearsal is not None:
            problem = rehearsal(command.text)
            if problem:
                self._fail(command.line, problem)
        elif command.is_background:
            self._start(command, expected)
        else:
            output, status = self._shell.run(command.text, COMMAND_SECONDS)
            if status and not command.may_fail:
                self._fail(command.line, f"exit status {status}; it wrote:\n{output}")
            if expected and not is_match(expected, output):
                self._fail(command.line, _difference(expected, output))

    def _start(self, command: Command, expected: str) -> None:
        output = self._shell.start(command.text)
        end = time.monotonic() + COMMAND_SECONDS
        while expected and not is_match(expected, output.read_text()):
            if time.monotonic() > end:
                self._fail(command.line, _difference(expected, output.read_text()))
            time.sleep(0.02)

    def _fail(self, line: int, reason: str) -> None:
        raise PageError(f"{self._name}:{line}: {reason}")


def _difference(expected: str, got: str) -> str:
    return f"expected:\n{expected.rstrip()}\ngot:\n{got.rstrip()}"


def rehearse_make(command: str) -> str:
    """Check that the targets exist; .ci/run runs them, and from here it would never end."""
    words = ["make", "--dry-run", *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def rehearse_pip(command: str) -> str:
    """Check that what `pip install` names is this distribution, or its folder, and its extras."""
    wanted = shlex.split(command)[2:]
    extras = set(metadata.metadata("zerorpc-mesh").get_all("Provides-Extra") or ())
    for word in wanted:
        found = re.fullmatch(r"(?:zerorpc-mesh|\.)(?:\[([\w,]+)\])?", word)
        if found is None or not extras >= set(found[1].split(",") if found[1] else ()):
            return f"{word} is not zerorpc-mesh with some of its extras {sorted(extras)}"
    return ""


# Commands that a reader gives and that the suite cannot: each is checked instead of run.
REHEARSALS: dict[str, Callable[[str], str]] = {"make": rehearse_make, "pip": rehearse_pip}


def run_page(path: Path, folder: Path) -> None:
    """Run everything on a page; `folder` is empty and belongs to the page."""
    text = with_free_ports(path.read_text(), free_port)
    work, jobs = folder / "work", folder / "jobs"
    work.mkdir()
    jobs.mkdir()
    page = Page(path.name, work, jobs)
    try:
        for block in blocks(text):
            page.run(block)
    finally:
        page.close()
