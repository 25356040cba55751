"""What the tests of the public API share: how long they wait, and the types of their fixtures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import gevent
import gevent.event

import zerorpc
from tests.integration.faults.processes import PATIENCE as PATIENCE
from tests.integration.faults.processes import wait_until as wait_until

T = TypeVar("T")

ANY_PORT = "tcp://127.0.0.1:*"
# A heartbeat interval so long that nothing can have been noticed by it.
FAR_AWAY = 600.0


class Serve(Protocol):
    """Makes a server of some methods, bound and running, that ends with the test."""

    def __call__(
        self, methods: Any, endpoint: str = ANY_PORT, **options: Any
    ) -> zerorpc.Server: ...


class Dial(Protocol):
    """Makes a client of servers or endpoints that is closed with the test."""

    def __call__(self, *targets: zerorpc.Server | str, **options: Any) -> zerorpc.Client: ...


class Keep(Protocol):
    """Closes an object at the end of the test, and returns it."""

    def __call__(self, it: Any) -> Any: ...


def begin(functor: Callable[..., T], *args: Any, **options: Any) -> gevent.Greenlet[..., T]:
    """Run a function in a greenlet of its own and return once it waits for something."""
    started = gevent.event.Event()

    def run() -> T:
        started.set()  # whoever waits for it comes next, after this one's first wait
        return functor(*args, **options)

    greenlet = gevent.spawn(run)
    started.wait()
    return greenlet


def outcome(greenlet: gevent.Greenlet[..., T]) -> T:
    """Return what a greenlet returns, or raise what it raises; fails when it does not end."""
    return greenlet.get(timeout=PATIENCE)


def open_calls(client: zerorpc.Client) -> int:
    """How many conversations a client has open."""
    return sum(each["open_channels"] for each in client.statistics().values())


def up(client: zerorpc.Client) -> set[str]:
    """The endpoints of a client whose connection stands."""
    return {endpoint for endpoint, each in client.statistics().items() if each["is_up"]}


class Gate:
    """A method that waits until the test lets it go on, and notes how it ended.

    `entered` counts the calls that wait or waited, `ended` holds the kinds of exceptions that
    ended some, or None for those that were let go.
    """

    def __init__(self) -> None:
        self.entered = 0
        self.ended: list[str | None] = []
        self._opened = gevent.event.Event()

    def open(self) -> None:
        """Let everyone go on, now and later."""
        self._opened.set()

    def enter(self) -> str:
        """Wait for `open`."""
        self.entered += 1
        try:
            self._opened.wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        self.ended.append(None)
        return "passed"

    def await_entered(self, count: int = 1) -> None:
        """Wait until so many calls have come."""
        wait_until(lambda: self.entered >= count, f"{count} calls have come")
