"""A newcomer finds every entry point by typing `make`."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.architecture.source import ROOT

TARGETS = ["install", "demo", "test", "soak", "lint", "type", "bench", "fuzz", "docs"]
TARGETS += ["check", "clean"]


@pytest.fixture(scope="module")
def listing() -> str:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_bare_make_lists(target: str, listing: str) -> None:
    assert re.search(rf"^ *make {target}  +\w", listing, re.MULTILINE), (
        f"give the target {target} of the Makefile a line `{target}: ... ## what it does`"
    )


def test_continuous_integration_runs_every_proof() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    # Steps only, since a comment or an `echo` names targets as well.
    steps = re.findall(r"^step (?:env (?:\w+=\S+ )+)?make (\w+)", script, re.MULTILINE)
    for target in ["lint", "type", "demo", "bench", "fuzz", "test"]:
        assert target in steps, f".ci/run leaves out `make {target}`"
