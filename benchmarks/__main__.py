"""`python -m benchmarks [--tiny] [P1 P2 ... stages] [--json FILE] [--write]`.

Runs the named benchmarks, all if none is named; BENCH=tiny in the environment is --tiny.
Ends with 1 if a run of ours failed, or, under CI=true, if any peer is missing or failed;
nameko, the optional peer, may be missing.
A target that is not met is said so, and is no failure: figures belong to the machine.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import (
    balancing,
    bounds,
    leaving,
    machine,
    p1_sequential,
    p2_concurrent,
    p3_stream,
    p4_payload,
    p5_open_calls,
    p6_million,
    p7_startup,
    p8_hub,
    roster,
    stages,
)
from benchmarks.plan import TINY, Plan
from benchmarks.report import Report, summary

_RUNS: dict[str, Callable[[Plan], Report]] = {
    "P1": p1_sequential.run,
    "P2": p2_concurrent.run,
    "P3": p3_stream.run,
    "P4": p4_payload.run,
    "P5": p5_open_calls.run,
    "P6": p6_million.run,
    "P7": p7_startup.run,
    "P8": p8_hub.run,
    "balancing": balancing.run,
    "bounds": bounds.run,
    "stages": stages.run,
}
_PREAMBLE = (
    "Written by `python -m benchmarks --write`. Ratios are taken within one round and their "
    "median is shown; absolute figures drift by a third on a shared machine."
)
_RESULTS = Path(__file__).with_name("RESULTS.md")


def main(argv: Sequence[str]) -> int:
    """Run what was asked for, print it, and keep it where asked to."""
    arguments = _parse(argv)
    is_ci = os.environ.get("CI") == "true"
    absent = roster.absent()
    for line in absent + roster.left_out():
        print(line, file=sys.stderr)
    if absent and is_ci:
        return 1
    load_before = machine.load()
    print(load_before, end="\n\n")
    plan = TINY if arguments.tiny else Plan()
    reports = []
    for name in arguments.targets or _RUNS:
        reports.append(_RUNS[name](plan))
        print(reports[-1].render(), end="\n\n", flush=True)
    print(summary(reports).render())
    facts = machine.describe(" ".join(["python -m benchmarks", *argv]), load_before)
    _keep(arguments, facts, reports)
    failures = [failure for report in reports for failure in report.failures]
    return int(any(is_ci or roster.OURS in failure for failure in failures))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(_RUNS))
    parser.add_argument("--tiny", action="store_true", help="prove that it runs, in seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument("--write", action="store_true", help="keep the outcome in RESULTS.md")
    arguments = parser.parse_args(argv)
    arguments.tiny = arguments.tiny or os.environ.get("BENCH") == "tiny"
    if unknown := [name for name in arguments.targets if name not in _RUNS]:
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(_RUNS)}")
    if arguments.write and (arguments.tiny or arguments.targets):
        parser.error("--write keeps full runs of all targets only")
    return arguments


def _keep(arguments: argparse.Namespace, facts: list[str], reports: list[Report]) -> None:
    if arguments.json:
        content = {"facts": facts, "reports": [dataclasses.asdict(each) for each in reports]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    if arguments.write:
        _RESULTS.write_text(results(facts, reports))


def results(facts: Sequence[str], reports: Sequence[Report]) -> str:
    """Give the text of RESULTS.md: the facts, the verdicts, and then every table."""
    parts = [
        "# Results of the last full run",
        _PREAMBLE,
        "\n".join(f"- {fact}" for fact in facts),
        summary(reports).render(),
        *(report.render() for report in reports),
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    leaving.run(lambda: main(sys.argv[1:]))
