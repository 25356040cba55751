"""The command `zerorpc-hub`: runs hubs, and talks to running ones."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from zerorpc_daemon.command import run
from zerorpc_daemon.program import Program
from zerorpc_hub.config import Admin, Config
from zerorpc_hub.core import HubCore
from zerorpc_hub.orders import ORDERS, give
from zerorpc_hub.template import init
from zerorpc_hub.top import top

_WORDS = {
    "init [FILE]": "Write a configuration to begin with.",
    "top [URL]": "Show what a running hub does.",
    **{f"{name} {order.argument}".rstrip(): order.about for name, order in ORDERS.items()},
}
_ABOUT = """\
Balances calls over workers.

commands, each with a --help of its own, instead of FILE:
"""
_ABOUT += "\n".join(f"  {words:<17}{about}" for words, about in _WORDS.items())

PROGRAM = Program("zerorpc-hub", Config, HubCore, _ABOUT)
_DEFAULT_URL = f"http://{Admin().bind}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the hubs of a file, or do what a word asks for; returns the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    word, rest = (words[0], words[1:]) if words else ("", [])
    # A configuration of such a name can still be given as ./top.
    if word == "init":
        return init(rest)
    if word == "top":
        return top(rest, _DEFAULT_URL)
    if word in ORDERS:
        return give(word, rest, _DEFAULT_URL)
    return run(PROGRAM, words)


if __name__ == "__main__":
    sys.exit(main())
