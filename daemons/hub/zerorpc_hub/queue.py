"""The calls that wait for a worker: bounded in number and bytes, removable anywhere.

Sans-IO. Clients take turns, in which the calls of each are in order; before all others go those
that come back. Where it is full, a client with few calls displaces the newest of one with most.

The longest wait of a call is the queue's own timeout or the call's deadline, whichever comes first;
`expired` tells both apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import chain
from math import inf

from zerorpc_hub.calls import Call, Client
from zerorpc_hub.turns import Turns

# Entries of calls that are gone stay in the heap until there are so many more than calls.
_SLACK = 64


class CallQueue:
    """Calls in turns of their clients, but before them those that come back.

    `max_calls` and `max_bytes` bound it, `timeout` is how long a call may wait (seconds).
    """

    def __init__(self, max_calls: int, max_bytes: int, timeout: float) -> None:
        self.max_calls = max_calls
        self.max_bytes = max_bytes
        self.timeout = timeout
        self.bytes = 0
        # In the order in which they came, which is that in which they have waited too long.
        self._calls: OrderedDict[Call, int] = OrderedDict()
        self.turns = Turns()
        # They had a worker, and lost it in this order.
        self._returned: OrderedDict[Call, int] = OrderedDict()
        self._since: dict[Call, float] = {}
        # Only of calls that say how long they may wait.
        self._deadlines: list[tuple[float, int, Call]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._calls) + len(self._returned)

    def __iter__(self) -> Iterator[Call]:
        return chain(self._returned, self._calls)

    def has_room(self, size: int) -> bool:
        """Tell whether a call of so many bytes may wait here."""
        return len(self) < self.max_calls and self.bytes + size <= self.max_bytes

    def displaced(self, client: Client, size: int) -> Call | None:
        """Return the call that should go so that one of a client gets its place; None for none.

        It is the newest of whoever has most, if that is more than this client would have then.
        """
        greediest = self.turns.greediest()
        if greediest is None or self.turns.count(greediest) <= self.turns.count(client) + 1:
            return None
        call = self.turns.newest(greediest)
        has_room = len(self) <= self.max_calls
        return (
            call if has_room and self.bytes - self._calls[call] + size <= self.max_bytes else None
        )

    def push(self, call: Call, size: int) -> None:
        """Let a new call wait behind all others."""
        self._calls[call] = size
        self.turns.add(call)
        self.bytes += size
        self._add_deadline(call)

    def put_back(self, call: Call, size: int, now: float) -> None:
        """Let a call that has lost its worker wait before all that have had none."""
        self._returned[call] = size
        self.bytes += size
        self._since[call] = now
        self._add_deadline(call)

    def since(self, call: Call) -> float | None:
        """Return since when a call waits that came back, None for one that has had no worker."""
        return self._since.get(call)

    def _add_deadline(self, call: Call) -> None:
        if call.expires is not None:
            self._serial += 1
            heappush(self._deadlines, (call.expires, self._serial, call))

    def pop(self) -> Call | None:
        """Take out the call that is first, None without any."""
        if self._returned:
            call, size = self._returned.popitem(last=False)
            del self._since[call]
        elif self._calls:
            call = self.turns.pop()
            size = self._calls.pop(call)
        else:
            return None
        self.bytes -= size
        self._tidy()
        return call

    def discard(self, call: Call) -> None:
        """Take out a call, wherever it is."""
        if call in self._calls:
            self.bytes -= self._calls.pop(call)
            self.turns.discard(call)
        elif call in self._returned:
            self.bytes -= self._returned.pop(call)
            del self._since[call]
        self._tidy()

    def _tidy(self) -> None:
        if len(self._deadlines) > 2 * len(self) + _SLACK:
            self._deadlines = [entry for entry in self._deadlines if self._holds(entry[2])]
            heapify(self._deadlines)

    def _holds(self, call: Call) -> bool:
        return call in self._calls or call in self._returned

    def grow(self, call: Call, size: int) -> None:
        """Count what a waiting call has become larger by."""
        held = self._calls if call in self._calls else self._returned
        held[call] += size
        self.bytes += size

    @property
    def deadline(self) -> float | None:
        """When the next call has waited too long, None without any."""
        if not len(self):
            return None
        first = next(iter(self._calls), None)
        return min(
            self._deadlines[0][0] if self._deadlines else inf,
            inf if first is None else first.opened + self.timeout,
            next(iter(self._since.values()), inf) + self.timeout,
        )

    def expired(self, now: float) -> tuple[list[Call], list[Call]]:
        """Take out the calls whose own deadline has passed, and those that have waited too long."""
        overdue: list[Call] = []
        waited: list[Call] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            call = heappop(self._deadlines)[2]
            if self._holds(call):
                overdue.append(call)
                self.discard(call)
        while (tired := self._tired(now)) is not None:
            waited.append(tired)
            self.discard(tired)
        return overdue, waited

    def _tired(self, now: float) -> Call | None:
        """Return a call that has waited too long, None without any."""
        call: Call | None = next(iter(self._since), None)
        if call is not None and self._since[call] + self.timeout <= now:
            return call
        call = next(iter(self._calls), None)
        return call if call is not None and call.opened + self.timeout <= now else None
