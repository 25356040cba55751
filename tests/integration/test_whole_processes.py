"""What concerns a whole process: forks, gevent's monkey patches, signals to a running server."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.integration.faults.processes import PATIENCE
from tests.programs import ROOT


def run(program: str, *arguments: str) -> None:
    """Run a program of this folder and see that all of it held, in silence."""
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.integration.programs.{program}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("ok\n", "", 0)


@pytest.mark.parametrize("how", ["os", "multiprocessing"])
def test_a_child_uses_fresh_objects_and_inherited_ones_explain_themselves(how: str) -> None:
    run("forks", how)


@pytest.mark.parametrize("form", ["none", "first", "late"])
def test_everything_works_with_monkey_patches_and_without(form: str) -> None:
    run("patched", form)
