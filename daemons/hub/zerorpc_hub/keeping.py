"""What is kept of calls that workers have, in case they must be sent again: counted and bounded.

Sans-IO. What waits in a queue is none of its business: that has bounds of its own.
"""

from __future__ import annotations

from zerorpc_hub.calls import Call, Frames

# Calls up to this size are kept until they are answered, as they weigh no more than what is known
# of them; of larger ones so many bytes in all, so that calls of 1 MiB do not fill the memory.
SMALL_BYTES = 4096
_KEPT_BYTES = 64 << 20
# What a client may say on its channel before the first answer: grants, mostly.
_MOST_LATER = 64


class Keeping:
    """How many `bytes` of large calls are kept, of at most `most`."""

    def __init__(self) -> None:
        self.bytes, self.most = 0, _KEPT_BYTES

    def count(self, call: Call) -> None:
        """Count a call if it is large; beyond the bound it is not kept, and never sent again."""
        if call.kept is None or call.is_counted:
            return
        size = held_bytes(call)
        if size <= SMALL_BYTES:
            return
        if self.bytes + size > self.most:
            call.kept = call.later = None
        else:
            self.bytes += size
            call.is_counted = True

    def follow(self, call: Call, frames: Frames) -> None:
        """Keep what a client says on a kept call as well; if it is too much, neither."""
        self.discount(call)
        if say_later(call, frames):
            self.count(call)
        else:
            self.release(call)

    def discount(self, call: Call) -> None:
        """Count a call no more: it has ended, or waits in a queue."""
        if call.is_counted:
            self.bytes -= held_bytes(call)
            call.is_counted = False

    def release(self, call: Call) -> None:
        """Forget what was said on a call: it will not be sent again."""
        self.discount(call)
        call.kept = call.later = None


def say_later(call: Call, frames: Frames) -> bool:
    """Keep what a client says before it has an answer; False if it is too much to keep."""
    if call.later is None:
        call.later = []
    if len(call.later) >= _MOST_LATER or size_of(frames) > SMALL_BYTES:
        return False
    call.later.append(frames)
    return True


def held_bytes(call: Call) -> int:
    """Return how many bytes are held of what a client has said on a call."""
    assert call.kept is not None
    return sum(map(size_of, (call.kept, *(call.later or ()))))


def size_of(frames: Frames) -> int:
    """Return the size of a message: not only the last frame is its sender's to choose."""
    return sum(map(len, frames))
