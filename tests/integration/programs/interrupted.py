"""Serves until it is interrupted: `python -m ... interrupted server|puller ENDPOINT FILE`.

Each method touches FILE when it begins. Prints "KeyboardInterrupt" when that came out of `run()`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent

import zerorpc


class Service:
    """Keeps the process busy in each way there is; `stop` is that of whoever serves it."""

    def __init__(self, begun: Path) -> None:
        self._begun = begun
        self._stop: Callable[[], None] = gevent.sleep

    def serve(self, receiver: zerorpc.Server | zerorpc.Puller, endpoint: str) -> None:
        """Have it served until that ends."""
        self._stop = receiver.stop
        receiver.bind(endpoint)
        receiver.run()

    def wait(self) -> None:
        """Wait in the loop, for ever."""
        self._begun.touch()
        gevent.sleep(3600)

    def spin(self) -> None:
        """Compute, for ever."""
        self._begun.touch()
        while True:
            pass

    def block(self) -> None:
        """Sleep without the loop, for ever."""
        self._begun.touch()
        time.sleep(3600)

    def stop_and_wait(self) -> None:
        """Have `run()` wait for the end of this call."""
        self._stop()
        self.wait()


def main() -> None:
    """Serve, and say how that ended."""
    kind, endpoint, begun = sys.argv[1:]
    service = Service(Path(begun))
    receiver: zerorpc.Server | zerorpc.Puller
    receiver = zerorpc.Puller(service)
    if kind == "server":
        receiver = zerorpc.Server(service, grace=3600, heartbeat=None)
    with receiver:
        try:
            service.serve(receiver, endpoint)
        except KeyboardInterrupt:
            print("KeyboardInterrupt")


if __name__ == "__main__":
    main()
