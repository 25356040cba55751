"""A connection that holds much, without a socket, for the tests of whoever watches it."""

from __future__ import annotations

from typing import Any

from zerorpc.connection.outbox import Outbox
from zerorpc_hub.calls import Worker

BOUND = 1 << 20


class Full:
    """Stands for a connection whose peer reads little."""

    remote, is_full = "tcp://10.0.0.1:1", True
    is_open, is_ending = True, False

    def __init__(self, *sizes: int, tag: Worker | None = None) -> None:
        self.tag = tag
        self.backlog = Outbox()
        self.ended: list[str] = []
        self.pauses = 0
        self.add(*sizes)

    def add(self, *sizes: int) -> None:
        for size in sizes:
            self.backlog.add([b"\0\0", bytes(size)])

    def close(self, reason: str) -> None:
        self.ended.append(reason)

    def send(self, frames: Any) -> None:
        """Take what is sent to it."""

    def pause(self) -> None:
        self.pauses += 1

    def resume(self) -> None:
        self.pauses -= 1
