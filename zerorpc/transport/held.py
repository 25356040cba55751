"""How many bytes libzmq still holds for a peer, of the large messages that it was given.

libzmq bounds its queues by messages only, never tells how full they are, and lowering the bound of
a connection in use can stop it for ever (docs/decisions/0010). But it calls a C function when it
lets go of a frame that is not its own memory. So the empty delimiter before a large payload is made
such a frame: it lies on a counter of libzmq's, and the function is libzmq's own increment of one.
No Python runs for it, so its I/O thread never waits for the interpreter lock.
"""

from __future__ import annotations

import ctypes
from collections import deque
from typing import Any

import zmq
from zmq.backend.cython import _zmq

_SNDMORE = int(zmq.NOBLOCK | zmq.SNDMORE)
# A counter is a C int that may wrap around.
_WRAP = 0xFFFFFFFF
_MESSAGE = ctypes.c_uint64 * 8  # what a zmq_msg_t takes, aligned


def _load() -> ctypes.CDLL | None:
    """Return the libzmq that pyzmq uses; None where its functions cannot be reached."""
    try:
        # The extension module and what it is linked with, so it is the very same library.
        library = ctypes.CDLL(_zmq.__file__)
        library.zmq_atomic_counter_new.restype = ctypes.c_void_p
        library.zmq_atomic_counter_value.argtypes = [ctypes.c_void_p]
        library.zmq_msg_init_data.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        library.zmq_msg_send.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        library.zmq_msg_close.argtypes = [ctypes.c_void_p]
        library.zmq_atomic_counter_inc  # noqa: B018  # raises where there is none
    except (OSError, AttributeError):
        return None
    return library


_library: Any = _load()
# Where it is not, only the number of messages that libzmq holds is bounded.
CAN_COUNT = _library is not None
_increment = ctypes.cast(_library.zmq_atomic_counter_inc, ctypes.c_void_p) if CAN_COUNT else None
# Counters whose messages are all let go of. One that libzmq may still count with is never freed,
# not at the end of the process either, when its I/O threads outlive the interpreter.
_spare: list[int] = []


class Held:
    """The large messages that libzmq was given for one peer and has not let go of."""

    __slots__ = ("_counter", "_message", "_seen", "_sizes", "size_bytes")

    def __init__(self) -> None:
        self._counter = _spare.pop() if _spare else _library.zmq_atomic_counter_new()
        self._seen: int = _library.zmq_atomic_counter_value(self._counter)
        self._message = _MESSAGE()
        self._sizes: deque[int] = deque()
        self.size_bytes = 0

    def has_room(self, size: int, limit: int) -> bool:
        """Tell whether a message of `size` bytes may follow; the first one always may."""
        if self._sizes and self.size_bytes + size > limit:
            self.is_over()
        return not self._sizes or self.size_bytes + size <= limit

    def is_over(self) -> bool:
        """Look which messages libzmq has let go of; tells whether that is all of them."""
        value: int = _library.zmq_atomic_counter_value(self._counter)
        for _ in range((value - self._seen) & _WRAP):
            self.size_bytes -= self._sizes.popleft()
        self._seen = value
        return not self._sizes

    def send_delimiter(self, socket: zmq.Socket[bytes], size: int) -> None:
        """Send the empty frame before a payload of `size` bytes, and count these until it goes."""
        message = self._message
        # Before anything can fail: whatever becomes of the frame, its end is counted.
        self._sizes.append(size)
        self.size_bytes += size
        _library.zmq_msg_init_data(message, self._counter, 0, _increment, None)
        if _library.zmq_msg_send(message, socket.underlying, _SNDMORE) < 0:
            error = zmq.ZMQError()
            _library.zmq_msg_close(message)
            raise error

    def give_back(self) -> None:
        """Let another peer use the counter; only when all `is_over`."""
        _spare.append(self._counter)
