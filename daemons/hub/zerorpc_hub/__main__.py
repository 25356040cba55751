"""The command `zerorpc-hub`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from zerorpc_daemon.command import run
from zerorpc_daemon.program import Program
from zerorpc_hub.config import Config
from zerorpc_hub.core import HubCore
from zerorpc_hub.template import init

PROGRAM = Program(
    "zerorpc-hub",
    Config,
    HubCore,
    "Balances calls over workers. `zerorpc-hub init [FILE]` writes a configuration to begin with.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hubs of a file, or write a file to begin with; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["init"]:
        return init(words[1:])
    return run(PROGRAM, words)


if __name__ == "__main__":
    sys.exit(main())
