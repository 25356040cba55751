"""`zerorpc-hub init`: a configuration to begin with, in which every key is explained.

Made from the models, so that it cannot be out of date: what the talk's file has is set, everything
else stands there as a comment with its default.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from zerorpc_daemon.fields import named_fields
from zerorpc_hub.config import Config, Hub

_HEAD = """\
# A hub: clients connect to `in`, workers to `out`. Workers and clients need no change:
#   zerorpc-client --server tcp://localhost:2222 urllib.parse
#   zerorpc-client tcp://localhost:1111 quote "hello pycon"
# What is commented out with `#` has the value that stands there; `#:` are examples.
in: "tcp://*:1111"
out: "tcp://*:2222"
type: queue
"""
# What has no default that could stand there: examples, each of which can be used as it is.
_TAIL = """
## Instead of the `out` above: workers of another worth, or that listen themselves.
#: out:
#:   - "tcp://*:2222"
#:   - {bind: "tcp://*:2223", weight: 2}
#:   - {connect: "tcp://10.0.0.9:4242", backup: true}

## Workers of their own for some methods.
#: pools:
#:   reports: {out: "tcp://*:2225", methods: ["report_*"], max_inflight: 1}

## Instead of all above but `admin`, `log` and `drain_timeout`: several hubs in one process.
#: hubs:
#:   calls: {in: "tcp://*:1111", out: "tcp://*:2222"}
#:   news: {type: pubsub, in: "tcp://*:1112", out: "tcp://*:2224"}
"""
# Said above, or shown below.
_LEFT_OUT = {"in", "out", "type", "hubs", "pools"}
_WIDTH = 96


def text() -> str:
    """Return the file."""
    fields = {**named_fields(Hub), **named_fields(Config)}
    chosen = {key: info for key, info in fields.items() if key not in _LEFT_OUT}
    return _HEAD + "".join(f"{line}\n" for line in _lines(chosen, "")) + _TAIL


def init(argv: Sequence[str]) -> int:
    """Write the file that the command line names, unless it is there; returns the exit status."""
    parser = argparse.ArgumentParser("zerorpc-hub init", allow_abbrev=False)
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="- is standard output")
    file = parser.parse_args(argv).file
    if file == "-":
        sys.stdout.write(text())
        return 0
    try:
        # "x": a file that is there may be the one that a hub runs with.
        with Path(file).open("x", encoding="utf-8") as stream:
            stream.write(text())
    except OSError as error:
        sys.stderr.write(f"zerorpc-hub: {file}: {(error.strerror or str(error)).lower()}\n")
        return 2
    sys.stderr.write(f"{file}: written; start it with: zerorpc-hub {file}\n")
    return 0


def _lines(fields: dict[str, FieldInfo], indent: str) -> Iterator[str]:
    for key, info in fields.items():
        value = info.get_default(call_default_factory=True)
        if not indent:
            yield ""
        if isinstance(value, BaseModel):
            yield from _comment(value.__doc__ or "", indent)
            yield f"# {indent}{key}:"
            yield from _lines(named_fields(type(value)), indent + "  ")
            continue
        yield from _comment(info.description or "", indent)
        yield f"# {indent}{key}: {_plain(value)}"


def _comment(about: str, indent: str) -> list[str]:
    words = " ".join(about.split())
    lead = f"## {indent}"
    return textwrap.wrap(words, _WIDTH, initial_indent=lead, subsequent_indent=lead)


def _plain(value: Any) -> str:
    return str(value) if isinstance(value, str) else json.dumps(value)
