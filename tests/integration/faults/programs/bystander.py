"""A client that only wants to be left alone: `python -m ... bystander ENDPOINT HEARTBEAT`.

It calls without pause, one call at a time, and tells on demand how it fared since the last report.
"""

from __future__ import annotations

import sys
import time

import gevent

import zerorpc
from tests.integration.faults.programs import life


class Bystander:
    """The times of its calls in seconds, and the names of the errors they ended in."""

    def __init__(self, client: zerorpc.Client) -> None:
        self.client = client
        self.times: list[float] = []
        self.errors: list[str] = []

    def call_for_ever(self) -> None:
        """Call and measure."""
        while True:
            began = time.perf_counter()
            try:
                self.client.echo("bystander")
            except zerorpc.ZerorpcError as error:
                self.errors.append(repr(error))
            self.times.append(time.perf_counter() - began)

    def report(self) -> dict[str, object]:
        """What happened since the last report."""
        times, self.times = sorted(self.times) or [0.0], []
        errors, self.errors = self.errors, []
        median, p99 = (times[int(len(times) * share)] for share in (0.5, 0.99))
        return {
            "calls": len(times),
            "errors": errors,
            "p50": median,
            "p99": p99,
            "worst": times[-1],
        }


def main() -> None:
    """Call until the commands end."""
    life.begin()
    client = zerorpc.Client(sys.argv[1], heartbeat=float(sys.argv[2]))
    client.echo("hello")
    bystander = Bystander(client)
    calling = gevent.spawn(bystander.call_for_ever)
    life.say(ready=True)
    for _ in life.commands():
        life.say(**bystander.report())
    calling.kill()
    client.close()


if __name__ == "__main__":
    main()
