"""P7: how long the command line takes to start, against the imports it cannot do without."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks import ratio
from benchmarks.plan import Plan
from benchmarks.report import Claim, Report
from benchmarks.table import Cell, Table

_FLOOR = 'python -c "import gevent, zmq, msgpack"'
# A start takes a tenth of a second, so that many more than five rounds are cheap.
_ROUNDS_FACTOR = 4


def _commands() -> dict[str, list[str]]:
    cli = str(Path(sys.executable).with_name("zerorpc-client"))
    return {
        'python -c ""': [sys.executable, "-c", ""],
        _FLOOR: [sys.executable, "-c", "import gevent, zmq, msgpack"],
        'python -c "import zerorpc"': [sys.executable, "-c", "import zerorpc"],
        "zerorpc-client --version": [cli, "--version"],
        "zerorpc-client --help": [cli, "--help"],
    }


def run(plan: Plan) -> Report:
    """Start each command in turn, and compare within each round."""
    report = Report("P7", "start-up of the command line")
    commands = _commands()
    rounds: list[dict[str, float]] = []
    for index in range(1 if plan.is_tiny else plan.rounds * _ROUNDS_FACTOR):
        order = ratio.alternated(list(commands), index)
        try:
            rounds.append({name: _seconds(commands[name]) for name in order})
        except (OSError, subprocess.CalledProcessError) as error:
            report.failures.append(str(error))
            return report
    rows: list[list[Cell]] = [[name, _ms(rounds, name), _times(rounds, name)] for name in commands]
    report.tables.append(Table("start to exit", ["", "ms", "x imports"], rows))
    for option in ("--version", "--help"):
        name = f"zerorpc-client {option}"
        claim = Claim(f"{name} / imports", _times(rounds, name), 1.5, 1.2, is_ceiling=True)
        report.claims.append(claim)
    return report


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return time.perf_counter() - start


def _ms(rounds: list[dict[str, float]], name: str) -> float | None:
    seconds = ratio.median(rounds, name)
    return None if seconds is None else seconds * 1e3


def _times(rounds: list[dict[str, float]], name: str) -> float | None:
    return ratio.ratio(rounds, name, _FLOOR)
