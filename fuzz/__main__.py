"""`python -m fuzz [TARGET ...] [--seconds N] [--save]`: feeds every target for N seconds.

With atheris guided by coverage, without it by chance. `--save` keeps the inputs of this run that
reach something which the others do not. Exit status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from fuzz import harness, mutation, seeds, selection

WORK = Path("build") / "fuzz"
_INPUT_SECONDS = 5  # one input that takes longer is a finding, too


def written(target: str) -> Path:
    """A folder with the inputs to begin with, one file each, as libFuzzer wants them."""
    folder = WORK / target
    folder.mkdir(parents=True, exist_ok=True)
    for blob in seeds.of(target):
        (folder / hashlib.sha256(blob).hexdigest()).write_bytes(blob)
    return folder


def guided(target: str, seconds: float, folder: Path) -> int:
    """Run libFuzzer on a target and return its exit status."""
    options = {
        "max_total_time": max(1, round(seconds)),
        "max_len": seeds.MOST_BYTES,
        "timeout": _INPUT_SECONDS,
        "rss_limit_mb": 2048,
        "verbosity": 0,
        "artifact_prefix": f"{WORK}/broken-{target}-",
    }
    given = [f"-{key}={value}" for key, value in options.items()]
    command = [sys.executable, "-m", "fuzz.guided", target, *given, str(folder)]
    return subprocess.run(command, check=False).returncode


def save(target: str, folder: Path) -> None:
    """Keep what reaches more than the captured inputs do."""
    known = set(seeds.of(target)) - set(seeds.saved(target))
    found = [path.read_bytes() for path in folder.iterdir()]
    seeds.save(target, selection.worth_keeping(harness.TARGETS[target], known, found))


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(harness.TARGETS))
    default = float(os.environ.get("FUZZ_SECONDS", "60"))
    parser.add_argument("--seconds", type=float, default=default, help="for each target")
    parser.add_argument("--save", action="store_true", help="keep the inputs that found something")
    return parser.parse_args()


def main() -> int:
    """Feed the targets one after the other."""
    given = options()
    unknown = sorted(set(given.targets) - set(harness.TARGETS))
    if unknown:
        known = ", ".join(harness.TARGETS)
        print(f"no target {', '.join(unknown)}; there are {known}", file=sys.stderr)
        return 2
    is_guided = importlib.util.find_spec("atheris") is not None
    if not is_guided:
        print("atheris is not installed here: inputs are changed by chance, not by coverage")
    failed = 0
    for target in given.targets:
        if is_guided:
            folder = written(target)
            status = guided(target, given.seconds, folder)
            failed += status != 0
            if given.save and status == 0:
                save(target, folder)
            print(f"{target}: {'BROKEN' if status else 'ok'}", flush=True)
        else:
            inputs = mutation.run(harness.TARGETS[target], seeds.of(target), given.seconds)
            print(f"{target}: ok, {inputs} inputs", flush=True)
    print(f"{len(given.targets) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
