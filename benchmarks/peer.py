"""Starts one peer: `python benchmarks/peer.py NAME server|client ENDPOINT [options]`.

A script and not a module, because it runs under interpreters that do not have the project.
`client` prints one line of JSON, the result of its run.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

# The project goes last: in its own environment, stock zerorpc must win over the one beside us.
sys.path[0:1] = []
sys.path.append(str(Path(__file__).resolve().parent.parent))

from benchmarks.peers import process  # noqa: E402
from benchmarks.peers.load import Load  # noqa: E402


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line that all peers share."""
    parser = argparse.ArgumentParser(prog="peer.py", description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("--core", type=int, help="stay on this core")
    roles = parser.add_subparsers(dest="role", required=True)
    roles.add_parser("server").add_argument("endpoint")
    client = roles.add_parser("client")
    client.add_argument("endpoint")
    client.add_argument("mode")
    for name, kind in (
        ("inflight", int),
        ("seconds", float),
        ("warmup", float),
        ("items", int),
        ("size_bytes", int),
        ("calls", int),
        ("server_pid", int),
    ):
        client.add_argument("--" + name.replace("_", "-"), type=kind, default=getattr(Load, name))
    return parser.parse_args(argv)


def main(argv: list[str]) -> None:
    """Be a server for ever, or a client for one run."""
    arguments = parse(argv)
    if arguments.core is not None:
        process.pin(arguments.core)
    peer = importlib.import_module(f"benchmarks.peers.{arguments.peer}")
    if arguments.role == "server":
        peer.serve(arguments.endpoint)
        return
    fields = {name: getattr(arguments, name) for name in Load.__dataclass_fields__}
    print(json.dumps(peer.measure(arguments.endpoint, Load(**fields))))


if __name__ == "__main__":
    main(sys.argv[1:])
