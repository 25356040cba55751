"""Whose call is next: clients with calls that wait take turns. Sans-IO.

Without turns, a client with a thousand calls would have everyone else wait for all of them. Each
step takes the same time however many there are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from zerorpc_hub.calls import Call, Client


class Turns:
    """Calls by client; those of one client in the order in which they came."""

    def __init__(self) -> None:
        # Its own order is the turn.
        self._calls: OrderedDict[Client, OrderedDict[Call, None]] = OrderedDict()
        # By how many calls they have; the last one is never empty but for the first.
        self._levels: list[dict[Client, None]] = [{}]

    def add(self, call: Call) -> None:
        """Take in a call behind all others of its client."""
        client = call.client
        calls = self._calls.setdefault(client, OrderedDict())
        calls[call] = None
        self._move(client, len(calls) - 1, len(calls))

    def pop(self) -> Call:
        """Take out the oldest call of the client whose turn it is; there must be one."""
        client, calls = next(iter(self._calls.items()))
        call, _ = calls.popitem(last=False)
        self._took(client, calls)
        if calls:
            self._calls.move_to_end(client)
        return call

    def discard(self, call: Call) -> None:
        """Take out a call, which must be here."""
        calls = self._calls[call.client]
        del calls[call]
        self._took(call.client, calls)

    def _took(self, client: Client, calls: OrderedDict[Call, None]) -> None:
        self._move(client, len(calls) + 1, len(calls))
        if not calls:
            del self._calls[client]

    def _move(self, client: Client, before: int, after: int) -> None:
        levels = self._levels
        if before:
            del levels[before][client]
        if after == len(levels):
            levels.append({})
        if after:
            levels[after][client] = None
        while len(levels) > 1 and not levels[-1]:
            levels.pop()

    def count(self, client: Client) -> int:
        """Return how many calls of a client wait."""
        return len(self._calls.get(client, ()))

    def greediest(self) -> Client | None:
        """Return a client that has most calls, None without any."""
        return next(iter(self._levels[-1]), None)

    def newest(self, client: Client) -> Call:
        """Return the last call that came of a client, which must have one."""
        return next(reversed(self._calls[client]))

    @property
    def order(self) -> list[Client]:
        """The clients, the next one first."""
        return list(self._calls)

    def resume(self, order: Iterable[Client]) -> None:
        """Have the clients take turns in this order; those that have no calls here are passed."""
        for client in order:
            if client in self._calls:
                self._calls.move_to_end(client)
