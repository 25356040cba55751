"""The sockets of a client, and which of them gets the next call.

Each `connect` has a socket of its own, since a conversation is many messages and must stay with the
server that it began with: one DEALER with many connections would deal them out in turn. A client
that binds has one socket for all its workers and that limit; put a hub between them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from zerorpc.errors import ClosedError, EndpointError
from zerorpc.multiplexer import statistics
from zerorpc.transport import Driver
from zerorpc.transport.process import close_when_dropped

Result = TypeVar("Result")


class Routes:
    """The drivers of a client; `new_driver(on_change)` makes one for a further endpoint."""

    def __init__(self, new_driver: Callable[[Callable[[], None]], Driver]) -> None:
        self._new_driver = new_driver
        self._drivers: list[Driver] = []
        self._bound: Driver | None = None
        self._turn = 0
        self._is_closed = False
        # The list and not this object: it is the same one for as long as both live.
        close_when_dropped(self, partial(_close_all, self._drivers))

    @property
    def endpoints(self) -> list[str]:
        """Every endpoint that is bound (with its real port) or connected."""
        return [each for driver in self._drivers for each in _endpoints_of(driver)]

    @property
    def has_any_up(self) -> bool:
        """Whether any connection stands."""
        return any(driver.is_up for driver in self._drivers)

    def connect(self, endpoint: str) -> str:
        """Connect a new socket."""
        # Nobody need be there: the call that is made first waits for the connection.
        driver = self._open()
        try:
            connected = driver.connect(endpoint)
            self._check_open()  # it may have been closed while a name server was asked
        except BaseException:
            driver.close()
            raise
        self._drivers.append(driver)
        return connected

    def bind(self, endpoint: str) -> str:
        """Bind the one socket that is for binding."""
        # One for all that is bound: the workers that connect there share its queue of calls.
        driver = self._bound or self._open()
        try:
            bound = driver.endpoints.bind(endpoint)
            self._check_open()
        except BaseException:
            if driver is not self._bound:
                driver.close()
            raise
        if driver is not self._bound:
            self._bound = driver
            self._drivers.append(driver)
        return bound

    def disconnect(self, endpoint: str) -> str:
        """Undo `connect` or `bind`; calls that are open there end with `ClosedError`."""
        self._check_open()
        for driver in self._drivers:
            if driver.endpoints.find(endpoint) is not None:
                endpoint = driver.endpoints.disconnect(endpoint)
                if not _endpoints_of(driver):
                    self._drivers.remove(driver)
                    self._bound = None if driver is self._bound else self._bound
                    driver.close()
                return endpoint
        raise EndpointError(f"{endpoint} is not among {self.endpoints}")

    def choose(self) -> Driver:
        """Return the socket for the next call: of those that are up, the one with fewest calls."""
        drivers = self._drivers
        # Nearly every client has one server, and no more time for choosing.
        if len(drivers) == 1:
            return drivers[0]
        if not drivers:
            self._check_open()
            raise EndpointError("this client has no endpoint: connect() or bind() first")
        # Looked through anew for each call, about 0.2 us a socket: clients have few, and a list in
        # order would have to follow every end of a call.
        self._turn = (self._turn + 1) % len(drivers)  # takes turns among those with equally few
        ready = [driver for driver in drivers if driver.is_inviting]
        candidates = ready or self._left_over()
        turn = self._turn % len(candidates)
        return min(candidates[turn:] + candidates[:turn], key=_open_calls)

    def _left_over(self) -> list[Driver]:
        """Return those to choose from where all are away, or about to stop."""
        up = [driver for driver in self._drivers if driver.is_up]
        # Better one that has only said so than one that refuses, and one that refuses than one that
        # is not there; if none is, any may come back.
        return [driver for driver in up if not driver.is_draining] or up or self._drivers

    def statistics(self) -> dict[str, Any]:
        """Return the counters of each socket under each of its endpoints."""
        return {
            endpoint: {
                **statistics(driver.multiplexer),
                "queued_messages": driver.pump.queued,
                "is_up": driver.is_up,
            }
            for driver in self._drivers
            for endpoint in _endpoints_of(driver)
        }

    def close(self) -> None:
        """Close every socket; there will be no others."""
        self._is_closed = True
        self._bound = None
        _close_all(self._drivers)

    def _open(self) -> Driver:
        self._check_open()
        # One of another thread among them would have each second call fail.
        if self._drivers:
            self._drivers[0].pump.check_usable()
        # The loop holds the driver: held by the driver in turn, a client could not be dropped.
        driver = self._new_driver(_weakly(self._spread))
        driver.elsewhere = _weakly(self._least_busy)
        return driver

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("this client was closed")

    def _spread(self) -> None:
        """Move calls that no connection has taken yet to one that is up."""
        for driver in self._drivers:
            # Calls that were sent stay where they are: their server may have begun them. Those that
            # wait for room are woken by this, and ask for one themselves.
            if not driver.is_up and (other := self._least_busy()) is not None:
                driver.hand_over(other)

    def _least_busy(self) -> Driver | None:
        """Return the one with the fewest calls of those that are up, if any is."""
        ready = [driver for driver in self._drivers if driver.is_up]
        return min(ready, key=_open_calls, default=None)


def _weakly(method: Callable[[], Result | None]) -> Callable[[], Result | None]:
    """Return a function that calls a bound method as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call() -> Result | None:
        living = reference()
        return None if living is None else living()

    return call


def _close_all(drivers: list[Driver]) -> None:
    while drivers:
        drivers.pop().close()


def _endpoints_of(driver: Driver) -> list[str]:
    return driver.endpoints.bound + driver.endpoints.connected


def _open_calls(driver: Driver) -> int:
    return len(driver.multiplexer.channels)
