"""What another thread has read of a socket while its loop was held up, until the loop takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import zmq

from zerorpc.wire import Blob

# So many messages, and bytes of them, at most: the rest stays in the socket.
_MOST = 1000
_MOST_BYTES = 64 << 20


class Ahead:
    """Messages in order of arrival; whoever uses it holds the lock of the socket."""

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages: deque[list[Blob]] = deque()

    def __bool__(self) -> bool:
        return bool(self._messages)

    def read(self, receive: Callable[[], list[Blob]]) -> list[list[Blob]]:
        """Take what `receive` returns, until it raises `zmq.Again`; returns that."""
        messages = self._messages
        before = len(messages)
        room = _MOST_BYTES - sum(len(frames[-1]) for frames in messages)
        try:
            while room > 0 and len(messages) < _MOST:
                messages.append(frames := receive())
                room -= len(frames[-1])
        except zmq.Again:
            pass
        return list(messages)[before:]

    def take(self, most: int) -> list[list[Blob]]:
        """Return up to `most` of the oldest, which are gone from here then."""
        messages = self._messages
        return [messages.popleft() for _ in range(min(most, len(messages)))]
