"""One bash session that runs the commands of a page in order, and ends what it left running."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

# What bash itself says about jobs depends on when it notices them.
_JOB_NOTICE = re.compile(
    r"^(?:\[\d+\].*|bash: line \d+: +\d+ (?:Terminated|Killed|Done).*)\n", re.MULTILINE
)


class Shell:
    """A shell in `folder`; directories, variables and jobs last from one command to the next."""

    def __init__(self, folder: Path, environ: Mapping[str, str], job_folder: Path) -> None:
        self._mark = f"end-of-command-{os.getpid()}"
        self._job_folder = job_folder
        self._jobs = 0
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )

    def run(self, command: str, seconds: float) -> tuple[str, int]:
        """Run one command; return what it wrote (both streams) and its exit status."""
        # (exit N) hands the status on to a following `echo $?`.
        self._send(
            f"eval {shlex.quote(command)} </dev/null 2>&1\n"
            f'_status=$?; printf "\\n{self._mark} %d\\n" $_status; (exit $_status)'
        )
        written = self._read_to_mark(seconds)
        output, _, status = written.rpartition(f"\n{self._mark} ")
        return _JOB_NOTICE.sub("", output), int(status)

    def start(self, command: str) -> Path:
        """Start a command that ends in `&`; return the file that collects what it writes."""
        self._jobs += 1
        output = self._job_folder / f"job-{self._jobs}"
        output.touch()
        self._send(f"{command[:-1]} >{shlex.quote(str(output))} 2>&1 </dev/null &")
        return output

    def close(self) -> None:
        """End the shell and everything it started."""
        with contextlib.suppress(BrokenPipeError):
            self._send("kill $(jobs -p); wait; exit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(3)
        # What ignored SIGTERM, or a command that still runs after a failure.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _send(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())

    def _read_to_mark(self, seconds: float) -> str:
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        written = b""
        pattern = re.compile(rf"\n{self._mark} \d+\n$".encode())
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not pattern.search(written):
                if not selector.select(end - time.monotonic()):
                    raise TimeoutError(
                        f"not done after {seconds:g} s; so far it wrote:\n{written!r}"
                    )
                data = os.read(self._process.stdout.fileno(), 65536)
                if not data:
                    raise EOFError(f"the shell ended; before that it wrote:\n{written!r}")
                written += data
        return written.decode("utf-8", "replace")
