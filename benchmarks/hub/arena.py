"""Something in the middle, workers behind it and clients before it: who is started, and how.

Each is a process that leads a session of its own, so that its CPU time can be told apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks import leaving, ratio
from benchmarks.contest import Outcome, RunFailed, accepts, free_port
from benchmarks.peers.load import Result
from benchmarks.plan import Plan
from benchmarks.roster import ROOT

HUB, PROXY, LOOP = "hub", "zmq.proxy (C)", "recv_multipart loop"
HAPROXY, DIRECT = "HAProxy tcp", "direct"
# Beyond what a run was told to last: the interpreter, thousands of calls to be prepared.
_SPARE_S = 60.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How many clients there are, and the calls that each has in flight."""

    connections: int
    inflight: int

    def __str__(self) -> str:
        return f"{self.connections} x {self.inflight}"


@dataclass(frozen=True, slots=True)
class Middle:
    """What stands between clients and workers.

    `command` makes its command line from two endpoints and a folder for its file. `connects` is
    whether it connects to workers, instead of they to it.
    """

    name: str
    command: Callable[[str, str, Path], Sequence[str]] | None
    connects: bool = False


def hub(name: str = HUB, settings: str = "") -> Middle:
    """Return our hub, with these lines in its file besides the endpoints."""

    def command(frontend: str, backend: str, folder: Path) -> list[str]:
        file = folder / "hub.yml"
        own = f'in: "{frontend}"\nout: "{backend}"\nlog: {{level: error}}\n'
        own += "" if "admin:" in settings else 'admin: {bind: "127.0.0.1:0"}\n'
        file.write_text(own + settings)
        return [sys.executable, "-m", "zerorpc_hub", str(file)]

    return Middle(name, command)


def _forwarder(name: str, function: str) -> Middle:
    module = "benchmarks.hub.forwarders"
    return Middle(
        name, lambda front, back, _: [sys.executable, "-m", module, function, front, back]
    )


def _haproxy(frontend: str, backend: str, folder: Path) -> list[str]:
    front, back = (each.removeprefix("tcp://") for each in (frontend, backend))
    file = folder / "haproxy.cfg"
    file.write_text(
        "global\n  maxconn 4000\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen calls\n  bind {front}\n  server worker {back}\n"
    )
    return [_haproxy_program() or "haproxy", "-db", "-f", str(file)]


def _haproxy_program() -> str | None:
    # Debian puts it where only root's PATH looks.
    return shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")


MIDDLES = {
    HUB: hub(),
    PROXY: _forwarder(PROXY, "proxy"),
    LOOP: _forwarder(LOOP, "loop"),
    HAPROXY: Middle(HAPROXY, _haproxy, connects=True),
    DIRECT: Middle(DIRECT, None),
}


def absent() -> list[str]:
    """Say who cannot take part, and why: one line each."""
    return [] if _haproxy_program() else [f"{HAPROXY}: haproxy is not installed (apt: haproxy)"]


@dataclass(frozen=True, slots=True)
class Arena:
    """Where clients connect, what they say, and the sessions of the other processes."""

    name: str
    endpoint: str
    script: str
    middle_pid: int
    worker_pid: int


@contextlib.contextmanager
def opened(middle: Middle, script: str, workers: int = 1) -> Iterator[Arena]:
    """Start the middle and its workers; they are killed at the end."""
    frontend, backend = (f"tcp://127.0.0.1:{free_port()}" for _ in range(2))
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        served = ["listen", backend] if middle.connects or not middle.command else None
        pids = {}
        if served:
            pids["worker"] = _start_worker(stack, middle, served, script, 1)
        if middle.command:
            command = middle.command(frontend, backend, folder)
            process, errors = _start(stack, command)
            pids["middle"] = process.pid
            if not accepts(frontend, process):
                raise RunFailed(f"{middle.name}: did not start: {_last(errors)}")
        if not served:
            way = ["connect", backend]
            pids["worker"] = _start_worker(stack, middle, way, script, workers)
        yield Arena(
            middle.name,
            frontend if middle.command else backend,
            script,
            pids.get("middle", 0),
            pids["worker"],
        )


def _start_worker(
    stack: contextlib.ExitStack, middle: Middle, way: Sequence[str], script: str, count: int
) -> int:
    command = [sys.executable, "-m", "benchmarks.hub.worker", *way, script, str(count)]
    return start_ready(stack, middle.name, command)


def start_ready(stack: contextlib.ExitStack, name: str, command: Sequence[str]) -> int:
    """Start one of our own programs, and wait until it says that it is ready; returns its pid."""
    process, errors = _start(stack, command, subprocess.PIPE)
    if process.stdout is None or not process.stdout.readline():
        raise RunFailed(f"{name}: {command[2]} ended: {_last(errors)}")
    return process.pid


def _start(
    stack: contextlib.ExitStack, command: Sequence[str], stdout: int = subprocess.DEVNULL
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    errors = tempfile.TemporaryFile()  # noqa: SIM115 - the stack closes it
    stack.callback(errors.close)
    process = leaving.launch(
        command,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=errors,
        start_new_session=True,
        cwd=ROOT,
    )
    stack.callback(_end, process)
    return process, errors


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _last(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "nothing was written"


def generate(arena: Arena, shape: Shape, plan: Plan) -> Result:
    """Run the clients once, and give what they measured."""
    options = {
        "script": arena.script,
        "connections": shape.connections,
        "inflight": shape.inflight,
        "seconds": plan.seconds,
        "warmup": plan.warmup,
        "middle-pid": arena.middle_pid,
        "worker-pid": arena.worker_pid,
    }
    command = [sys.executable, "-m", "benchmarks.hub.generator", arena.endpoint]
    command += [f"--{name}={value}" for name, value in options.items()]
    patience = plan.warmup + plan.seconds + _SPARE_S
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=patience, check=True
        )
    except subprocess.TimeoutExpired:
        raise RunFailed(f"{arena.name}: no result in {patience:.0f} s") from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:] or ["nothing was written"]
        raise RunFailed(f"{arena.name}: {last[0]}") from None
    result: Result = json.loads(done.stdout)
    return result


def compete(runs: Mapping[str, tuple[Arena, Shape]], plan: Plan) -> Outcome:
    """Measure each run once per round, in alternating order."""
    outcome, left = Outcome(), dict(runs)
    for index in range(plan.rounds):
        outcome.rounds.append({})
        for name in ratio.alternated(list(left), index):
            try:
                outcome.rounds[-1][name] = generate(*left[name], plan)
            except RunFailed as error:
                outcome.failures.append(f"{name}: {error}")
                del left[name]  # once is enough: it would cost every round its patience
    return outcome


def under(arenas: Mapping[str, Arena], shape: Shape) -> dict[str, tuple[Arena, Shape]]:
    """Give all of them the same load."""
    return {name: (arena, shape) for name, arena in arenas.items()}


@contextlib.contextmanager
def all_opened(
    middles: Iterable[tuple[Middle, str]], workers: int, failures: list[str]
) -> Iterator[dict[str, Arena]]:
    """Open an arena for each pair of a middle and a script; gives those that came up, by name."""
    arenas = {}
    with contextlib.ExitStack() as stack:
        for middle, script in middles:
            try:
                arenas[middle.name] = stack.enter_context(opened(middle, script, workers))
            except RunFailed as error:
                failures.append(str(error))
        yield arenas
