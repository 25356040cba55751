"""Calls that wait for their turn, because the pool is full or their peer takes no answers.

Sans-IO. They are counted in bytes, as their arguments are what they cost: a thousand that wait may
be a thousand events of the largest size.
"""

from __future__ import annotations

from zerorpc.channel import OPEN
from zerorpc.step import Request


class Turns:
    """How much the calls of one server that wait hold together, at most `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self._limit_bytes = limit_bytes

    def enter(self, request: Request) -> bool:
        """Count a call that is to wait; False if it may not. One may, whatever its size."""
        if self.size_bytes and self.size_bytes + request.size > self._limit_bytes:
            return False
        self.size_bytes += request.size
        request.is_waiting = True
        return True

    def leave(self, request: Request) -> None:
        """Count a call no more that has its turn, or will not have one."""
        if request.is_waiting:
            request.is_waiting = False
            self.size_bytes -= request.size

    def is_wanted(self, request: Request) -> bool:
        """Tell whether the caller of a call that waits is still there; if not it has left."""
        if request.channel.state is OPEN:
            return True
        self.leave(request)
        return False
