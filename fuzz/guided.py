"""One target under atheris, guided by coverage: `python -m fuzz.guided TARGET [libFuzzer options]`.

A process of its own, since libFuzzer ends the process that it runs in.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")

with atheris.instrument_imports(include=["zerorpc"]):
    from fuzz import harness


def main() -> None:
    """Run until libFuzzer has enough."""
    target = harness.TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
