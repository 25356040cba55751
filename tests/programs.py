"""What tests need from the machine: programs on PATH and the peers that `make peers` installs.

A missing one skips the test with its reason on a developer's machine. Where CI=true it fails, so
that a proof never disappears unseen.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".peers"


def unavailable(reason: str) -> NoReturn:
    """End the running test: skipped for a developer, failed in CI."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true demands it)", pytrace=False)
    pytest.skip(reason)


def require(program: str) -> str:
    """Return the path of a program that the test cannot do without."""
    path = shutil.which(program)
    if path is None:
        unavailable(f"{program} is not installed; `make system` installs it as root on Debian")
    return path


def require_peer(name: str) -> Path:
    """Return the folder of an interoperability peer: "stock" (a venv) or "node"."""
    folder = PEERS / name
    missing = PEERS / f"{name}.missing"
    if missing.exists():
        unavailable(f"peer {name}: {missing.read_text().strip()}")
    if not (folder / "installed").exists():
        unavailable(f"peer {name} is not installed; run `make peers`")
    return folder
