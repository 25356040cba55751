"""What the steps of the demonstration have in common: how they speak, run and are judged."""

from __future__ import annotations

import inspect
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zerorpc

ROOT = Path(__file__).resolve().parent.parent
# The commands are installed beside the interpreter that runs this.
ENVIRON = {**os.environ, "PATH": f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}"}
SHOWN_LINES = 12


class WrongError(Exception):
    """A step did not come out as it should."""


def expect(is_right: bool, claim: str) -> None:
    """Hold a claim of the running step."""
    if not is_right:
        raise WrongError(claim)


def run(*words: str, status: int = 0) -> str:
    """Run a command as a reader would type it; return what it wrote."""
    print(f"$ {shlex.join(words)}")
    done = subprocess.run(
        words, cwd=ROOT, env=ENVIRON, capture_output=True, text=True, timeout=20, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    for line in lines[:SHOWN_LINES]:
        print(f"  {line}")
    if len(lines) > SHOWN_LINES:
        print(f"  ... {len(lines) - SHOWN_LINES} more lines")
    expect(done.returncode == status, f"exit status {status}, not {done.returncode}")
    return done.stdout + done.stderr


def show(code: str) -> None:
    """Print the Python that a step runs next."""
    print(f">>> {code}")


def report(step: Callable[..., None], *on: Any) -> bool:
    """Run one step and tell how it came out."""
    title = inspect.getdoc(step)
    print(f"\n-- {title}")
    try:
        step(*on)
    except (WrongError, zerorpc.ZerorpcError, subprocess.TimeoutExpired) as error:
        print(f"✗ {title} ({type(error).__name__}: {error})")
        return False
    print(f"✓ {title}")
    return True
