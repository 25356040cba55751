"""A client in a process of its own: `python -m ... client ENDPOINT [options]`, commanded by JSON.

`{"do": "call", "method": M, "args": [...]}` says what the call ended in; `{"do": "stream", ...}`
says how much arrived and how much memory it took; `{"do": "many", "clients": N}` opens that many
clients at once and calls with each.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from typing import Any

import gevent

import zerorpc
from tests.integration.faults.outcome import outcome_of
from tests.integration.faults.processes import memory_bytes, peak_bytes
from tests.integration.faults.programs import life


class Caller:
    """One client and what it can be told to do."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.endpoint: str = given.endpoint
        self.heartbeat: float | None = given.heartbeat or None
        self.client = zerorpc.Client(
            self.endpoint, heartbeat=self.heartbeat, timeout=given.timeout or None
        )

    def call(self, method: str, args: list[Any]) -> dict[str, Any]:
        """Call and say what it ended in."""
        return outcome_of(lambda: self.client(method, *args)).told()

    def stream(self, method: str, args: list[Any]) -> dict[str, Any]:
        """Read a whole stream; counts its items and bytes, and the memory after a quarter."""
        items = size = early = 0
        for item in self.client(method, *args):
            items += 1
            size += len(item) if isinstance(item, bytes) else 1
            if items == args[0] // 4:
                early = memory_bytes(os.getpid())
        pid = os.getpid()
        return {
            "items": items,
            "bytes": size,
            "early": early,
            "late": memory_bytes(pid),
            "peak": peak_bytes(pid),
        }

    def begin(self, method: str, args: list[Any]) -> dict[str, Any]:
        """Take the first item of a stream and keep the rest waiting."""
        self.open = self.client(method, *args)
        next(self.open)
        return {"is_begun": True}

    def many(self, clients: int) -> dict[str, Any]:
        """Open that many clients at once, call once with each, count what the calls ended in."""
        began = time.monotonic()

        def one(number: int) -> str:
            with zerorpc.Client(self.endpoint, heartbeat=self.heartbeat) as client:
                return outcome_of(lambda: client.echo(number)).kind

        jobs = [gevent.spawn(one, number) for number in range(clients)]
        kinds = Counter(job.get() for job in jobs)
        return {"kinds": dict(kinds), "seconds": time.monotonic() - began}


def main() -> None:
    """Obey until the commands end."""
    life.begin()
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--heartbeat", type=float, default=5.0)
    parser.add_argument("--timeout", type=float, default=30.0)
    caller = Caller(parser.parse_args())
    life.say(ready=True)
    for command in life.commands():
        life.say(**getattr(caller, command.pop("do"))(**command))
    caller.client.close()


if __name__ == "__main__":
    main()
