"""The service that every Python peer serves; `service.js` is its twin.

It runs under our library and, unchanged, under stock zerorpc in an environment of its own: a
program written for stock is itself one of the things under test.  So it uses nothing that stock
does not have, and sheds its annotations at the end, for stock cannot describe them (B26).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event

import zerorpc


class Production:
    """What `produce` did for one tag: how many items were taken from it, and how it ended."""

    def __init__(self) -> None:
        self.made = 0
        self.ending = ""
        self.ended = Event()


class Service:
    """One method for each kind of answer that a caller can meet."""

    def __init__(self) -> None:
        self._productions: dict[str, Production] = {}
        self._notes: list[str] = []

    def hello(self, name: str) -> str:
        """Greet NAME.

        The second paragraph is for those who ask for all of the documentation.
        """
        return "hello, " + name

    def add(self, a: Any, b: Any = 1) -> Any:
        """Add two numbers."""
        return a + b

    def echo(self, value: Any) -> Any:
        """Answer with the value that was sent."""
        return value

    def nothing(self) -> None:
        """Answer with None."""

    def fail(self, message: str) -> None:
        """Raise a ValueError that says MESSAGE."""
        raise ValueError(message)

    def unsendable(self) -> object:
        """Answer with something that MessagePack cannot carry."""
        return object()

    def sleep(self, seconds: float) -> str:
        """Answer after SECONDS, letting others run meanwhile."""
        gevent.sleep(seconds)
        return "slept"

    def block(self, seconds: float) -> str:
        """Answer after SECONDS in which nothing else of this process can run."""
        time.sleep(seconds)
        return "blocked"

    def spin(self, seconds: float) -> str:
        """Answer after SECONDS of computing."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass
        return "spun"

    def note(self, text: str) -> None:
        """Remember TEXT for `notes`."""
        self._notes.append(text)

    def notes(self) -> list[str]:
        """Tell the texts given to `note` so far."""
        return list(self._notes)

    @zerorpc.stream
    def count(self, number: int) -> Iterator[int]:
        """Stream the integers below NUMBER."""
        return iter(range(number))

    @zerorpc.stream
    def break_off(self, number: int, message: str) -> Iterator[int]:
        """Stream the integers below NUMBER, then raise a ValueError that says MESSAGE."""
        yield from range(number)
        raise ValueError(message)

    @zerorpc.stream
    def produce(self, tag: str, number: int) -> Iterator[int]:
        """Stream the integers below NUMBER, leaving a trace of it that `made` tells by TAG."""
        production = self._productions.setdefault(tag, Production())
        production.ending = "returned"
        try:
            for item in range(number):
                production.made += 1
                yield item
        except BaseException as error:
            production.ending = type(error).__name__
            raise
        finally:
            production.ended.set()

    def made(self, tag: str) -> int:
        """Tell how many items `produce` has yielded for TAG."""
        return self._productions.setdefault(tag, Production()).made

    def ended(self, tag: str) -> str:
        """Wait until `produce` for TAG ran its `finally`, and tell what ended it."""
        production = self._productions.setdefault(tag, Production())
        production.ended.wait()
        return production.ending


for _method in vars(Service).values():
    getattr(getattr(_method, "_functor", _method), "__annotations__", {}).clear()
