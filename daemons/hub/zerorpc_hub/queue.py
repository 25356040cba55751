"""The calls that wait for a worker: bounded in number and bytes, in order, removable anywhere.

Sans-IO. The longest wait of a call is the queue's own timeout or the call's deadline, whichever
comes first; `expired` tells both apart.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from zerorpc_hub.calls import Call

# Entries of calls that are gone stay in the heap until there are so many more than calls.
_SLACK = 64


class CallQueue:
    """Calls in the order in which they came.

    `max_calls` and `max_bytes` bound it, `timeout` is how long a call may wait (seconds).
    """

    def __init__(self, max_calls: int, max_bytes: int, timeout: float) -> None:
        self.max_calls = max_calls
        self.max_bytes = max_bytes
        self.timeout = timeout
        self.bytes = 0
        # Each with its size. Public, since to ask it whether anyone waits costs no call.
        self.calls: OrderedDict[Call, int] = OrderedDict()
        # Only of calls that say how long they may wait.
        self._deadlines: list[tuple[float, int, Call]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def has_room(self, size: int) -> bool:
        """Tell whether a call of so many bytes may wait here."""
        return len(self.calls) < self.max_calls and self.bytes + size <= self.max_bytes

    def push(self, call: Call, size: int, *, is_first: bool = False) -> None:
        """Let a call wait behind all others, or before them if it has waited already."""
        self.calls[call] = size
        self.bytes += size
        if is_first:
            self.calls.move_to_end(call, last=False)
        if call.expires is not None:
            self._serial += 1
            heappush(self._deadlines, (call.expires, self._serial, call))

    def pop(self) -> Call | None:
        """Take out the call that has waited longest, None without any."""
        if not self.calls:
            return None
        call, size = self.calls.popitem(last=False)
        self.bytes -= size
        return call

    def discard(self, call: Call) -> None:
        """Take out a call, wherever it is."""
        self.bytes -= self.calls.pop(call, 0)
        if len(self._deadlines) > 2 * len(self.calls) + _SLACK:
            self._deadlines = [entry for entry in self._deadlines if entry[2] in self.calls]
            heapify(self._deadlines)

    def grow(self, call: Call, size: int) -> None:
        """Count what a waiting call has become larger by."""
        self.calls[call] += size
        self.bytes += size

    @property
    def deadline(self) -> float | None:
        """When the next call has waited too long, None without any."""
        first = next(iter(self.calls), None)
        if first is None:
            return None
        due = first.opened + self.timeout
        return min(due, self._deadlines[0][0]) if self._deadlines else due

    def expired(self, now: float) -> tuple[list[Call], list[Call]]:
        """Take out the calls whose own deadline has passed, and those that have waited too long."""
        overdue, waited = [], []
        while self._deadlines and self._deadlines[0][0] <= now:
            call = heappop(self._deadlines)[2]
            if call in self.calls:
                overdue.append(call)
                self.discard(call)
        while self.calls:
            call = next(iter(self.calls))
            if call.opened + self.timeout > now:
                break
            waited.append(call)
            self.discard(call)
        return overdue, waited
