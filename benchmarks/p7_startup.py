"""P7: how long the command line takes to start, against the imports it cannot do without."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import ratio, roster
from benchmarks.contest import RunFailed, entry, started
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.table import Cell, Table

_FLOOR = 'python -c "import gevent, zmq, msgpack"'
# A start takes a tenth of a second, so that many more than five rounds are cheap.
_FACTOR = 4


def _commands(endpoint: str) -> dict[str, list[str]]:
    cli = str(Path(sys.executable).with_name("zerorpc-client"))
    return {
        'python -c ""': [sys.executable, "-c", ""],
        _FLOOR: [sys.executable, "-c", "import gevent, zmq, msgpack"],
        'python -c "import zerorpc"': [sys.executable, "-c", "import zerorpc"],
        "zerorpc-client --version": [cli, "--version"],
        "zerorpc-client --help": [cli, "--help"],
        "zerorpc-client ENDPOINT echo x": [cli, endpoint, "echo", "x"],
    }


def run(plan: Plan) -> Report:
    """Start each command in turn, and compare within each round."""
    report = Report("P7", "start-up of the command line")
    try:
        with started(entry(roster.OURS)) as (endpoint, _):
            rounds = _measure(_commands(endpoint), 1 if plan.is_tiny else plan.rounds * _FACTOR)
    except (OSError, RunFailed, subprocess.CalledProcessError) as error:
        report.failures.append(f"{roster.OURS}: {error}")
        return report
    commands = list(rounds[0])
    rows: list[list[Cell]] = [[name, _ms(rounds, name), _times(rounds, name)] for name in commands]
    report.tables.append(Table("start to exit", ["", "ms", "x imports"], rows))
    for name in (name for name in commands if name.startswith("zerorpc-client")):
        claim = Claim(f"{name} / imports", _times(rounds, name), 1.5, 1.2, is_ceiling=True)
        report.claims.append(claim)
    return report


def _measure(commands: dict[str, list[str]], count: int) -> list[dict[str, float]]:
    for command in commands.values():
        _seconds(command)  # leaves compiled modules behind, as an installation does
    orders = [ratio.alternated(list(commands), index) for index in range(count)]
    return [{name: _seconds(commands[name]) for name in order} for order in orders]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    # An environment that forbids compiled modules would measure the compiler.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, check=True, env=environment
    )
    return time.perf_counter() - start


def _ms(rounds: list[dict[str, float]], name: str) -> float | None:
    seconds = ratio.median(rounds, name)
    return None if seconds is None else seconds * 1e3


def _times(rounds: list[dict[str, float]], name: str) -> float | None:
    return ratio.ratio(rounds, name, _FLOOR)
