"""Runs peers side by side: a server process each for the whole contest, a client per round.

Servers that are not being called only wait, so they may stay up together; clients start anew
for every figure, so that none lives on what an earlier run left behind.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import leaving, ratio, roster
from benchmarks.peers.load import Load, Result
from benchmarks.plan import Plan
from benchmarks.roster import Peer

# Imports of a slow peer on a loaded machine, with room to spare.
_START_SECONDS = 30.0
# Beyond what a run was told to last: a stream under way, 1000 connections, the interpreter.
_SPARE_SECONDS = 90.0
# What a server with company may take to end it.
_STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a contest: who serves, who calls, and the core that both stay on, if any."""

    label: str
    server: Peer
    client: Peer
    core: int | None = None


def entry(name: str, core: int | None = None) -> Entry:
    """Make the entry of a peer that talks to itself."""
    peer = roster.peer(name)
    return Entry(name, peer, peer, core)


def entries(*names: str, core: int | None = None) -> list[Entry]:
    """Make the entries of all these peers that are installed here."""
    return [entry(name, core) for name in roster.present(*names)]


@dataclass(slots=True)
class Outcome:
    """The rounds of a contest, each with the results by label; failures are runs without one."""

    rounds: list[dict[str, Result]] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)

    def figures(self, key: str = "rate") -> list[dict[str, float]]:
        """Give one figure of every result, in rounds that `benchmarks.ratio` can compare."""
        return [{label: result[key] for label, result in each.items()} for each in self.rounds]

    def median(self, label: str, key: str = "rate") -> float | None:
        """Give the median of one figure of one entry."""
        return ratio.median(self.figures(key), label)


class RunFailed(Exception):
    """A server did not start, or a client gave no result; the text says what it wrote last."""


@contextlib.contextmanager
def started(
    entry: Entry, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """Run a server, and give its endpoint and process id; it ends with the context."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with tempfile.TemporaryFile("w+") as errors:
        process = leaving.launch(
            entry.server.command("server", endpoint, core=entry.core),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            if not accepts(endpoint, process):
                errors.seek(0)
                raise RunFailed(f"{entry.label}: server did not start: {_last(errors.read())}")
            yield endpoint, process.pid
        finally:
            if entry.server.has_company:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_SECONDS)
            # The group, since some servers fork workers.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_client(
    entry: Entry,
    endpoint: str,
    load: Load,
    environment: Mapping[str, str] | None = None,
    seconds: float = _SPARE_SECONDS,
    when_waiting: Callable[[], None] | None = None,
) -> Result:
    """Run one client to its end, and give what it measured; `seconds` are on top of its load.

    A client that waits for something to happen says so in a line; then `when_waiting` is called.
    """
    process = leaving.launch(
        entry.client.command("client", endpoint, load.mode, *_options(load), core=entry.core),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    with process:
        try:
            if when_waiting and process.stdout and process.stdout.readline():
                when_waiting()
            output, errors = process.communicate(timeout=load.seconds + seconds)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise RunFailed(f"{entry.label}: no result in {error.timeout:.0f} s") from None
        except BaseException:
            process.kill()  # or its end would be waited for
            raise
    if process.returncode:
        raise RunFailed(f"{entry.label}: {_last(errors)}")
    result: Result = json.loads(output.splitlines()[-1])
    return result


def _options(load: Load) -> list[str]:
    fields = dataclasses.asdict(load).items()
    return [f"--{name.replace('_', '-')}={value}" for name, value in fields if name != "mode"]


def contest(entries: Sequence[Entry], load: Load, plan: Plan) -> Outcome:
    """Measure every entry once per round, in alternating order."""
    outcome = Outcome()
    by_label = {each.label: each for each in entries}
    load = dataclasses.replace(load, seconds=plan.seconds, warmup=plan.warmup)
    with contextlib.ExitStack() as stack:
        servers = _start_all(by_label, stack, outcome)
        for index in range(plan.rounds):
            outcome.rounds.append({})
            for label in ratio.alternated(list(servers), index):
                endpoint, pid = servers[label]
                one = dataclasses.replace(load, server_pid=pid)
                try:
                    outcome.rounds[-1][label] = run_client(by_label[label], endpoint, one)
                except RunFailed as error:
                    outcome.failures.append(f"{load.mode}: {error}")
                    del servers[label]  # once is enough: it would cost every round its patience
    return outcome


def _start_all(
    by_label: Mapping[str, Entry], stack: contextlib.ExitStack, outcome: Outcome
) -> dict[str, tuple[str, int]]:
    servers = {}
    for label, each in by_label.items():
        try:
            servers[label] = stack.enter_context(started(each))
        except RunFailed as error:
            outcome.failures.append(str(error))
    return servers


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def accepts(endpoint: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a process that was just started listens; False if it ended or never does."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return True
        time.sleep(0.02)
    return False


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "nothing was written"
