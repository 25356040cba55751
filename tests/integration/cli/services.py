"""What the servers of these tests expose."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent

import zerorpc


class Own(zerorpc.Server):
    """A server by inheritance."""

    def hello(self) -> str:
        """Greet."""
        return "hello"


class Service:
    """Methods that answer, stream, fail, wait and refuse to let go."""

    def echo(self, *values: Any) -> Any:
        """Return the parameters."""
        return list(values)

    def add(self, a: Any, b: Any) -> Any:
        """Add two things.

        Whatever they are.
        """
        return a + b

    def fail(self, message: str) -> None:
        """Raise an exception."""
        raise ValueError(message)

    def stumble(self) -> Any:
        """Raise a NameError of its own."""
        return undefined_name  # type: ignore[name-defined]  # noqa: F821

    def data(self) -> Any:
        """Return what JSON has no words for."""
        return {1: b"\xff", "text": "ü"}

    @zerorpc.stream
    def count(self, n: Any, pause: float = 0) -> Iterator[int]:
        """Count up to N."""
        try:
            for number in range(int(n)):
                yield number
                gevent.sleep(pause)
        finally:
            print("count is over", flush=True)

    def wait(self, seconds: Any) -> str:
        """Answer after a while."""
        print("waiting", flush=True)
        gevent.sleep(float(seconds))
        return "done"

    def spin(self, seconds: Any) -> None:
        """Hold the interpreter."""
        print("spinning", flush=True)
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            pass
