"""What the C library does with the memory of large buffers once they are freed.

A payload of 1 MiB lives in four buffers on its way through a process: packed, handed to ZeroMQ,
received, decoded. Out of the box glibc returns each to the system when it is freed and asks for it
anew with the next payload, page by page: two thirds of the time of a call.
"""

from __future__ import annotations

import ctypes
from functools import cache

# The largest that glibc learns from; the limit itself is 32 MiB with its own header.
_LEARNT_BYTES = 31 << 20


@cache
def keep_freed_buffers() -> None:
    """Have this process keep up to 62 MiB of freed memory, which large payloads then use again.

    For processes that see large payloads, once in each. It is glibc's own rule that does it: a
    freed block raises the size up to which blocks are kept, and twice that size is kept in all.
    Elsewhere it does nothing, and so where the environment sets `MALLOC_TRIM_THRESHOLD_`.
    """
    # Asked for as zeros it comes from the system untouched, so that no page of it is ever there.
    bytes(_LEARNT_BYTES)


def return_freed_memory() -> None:
    """Give the system back what is free, also in the midst of what is not; for after an attack.

    glibc by itself does so at the end of its heap only, where anything may lie.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
