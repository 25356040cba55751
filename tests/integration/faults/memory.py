"""Memory, files and greenlets: huge streams are flat, and what was opened is given back."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.integration.faults.processes import (
    PATIENCE,
    ClientProcess,
    Process,
    ServerProcess,
    memory_bytes,
    peak_bytes,
)
from tests.integration.faults.programs.opener import KINDS
from tests.integration.faults.size import Facts, Size

MIB = 1 << 20
# Two windows of items at either end, and what libzmq and the kernel hold between them.
STREAM_MARGIN = 96 * MIB
# Opening and closing a pair of bare pyzmq sockets with monitors costs 0.7 kB that libzmq and the
# allocator never give back; an object of ours that stays would be 20 kB and more.
NATIVE_BYTES = 3000


def huge_streams(size: Size) -> Facts:
    """Streams of 1 MiB pieces, 2 and 10 GiB of them, in flat memory at both ends."""
    facts: Facts = {}
    for pieces in sorted({size.count(2048, 256), size.count(10240, 256)}):
        with ServerProcess() as server, ClientProcess(server.endpoint) as client:
            before = memory_bytes(server.pid)
            began = time.monotonic()
            client.tell(do="stream", method="chunks", args=[pieces, MIB])
            told = client.hear(within=PATIENCE_PER_PIECE * pieces)
            took = time.monotonic() - began
            assert (told["items"], told["bytes"]) == (pieces, pieces * MIB)
            assert told["late"] < told["early"] + STREAM_MARGIN / 2, told
            assert told["peak"] < before + STREAM_MARGIN, told
            assert peak_bytes(server.pid) < before + STREAM_MARGIN
            facts[f"{pieces}_MiB_per_s"] = pieces / took
            facts[f"{pieces}_peaks_MiB"] = [told["peak"] // MIB, peak_bytes(server.pid) // MIB]
    return facts


PATIENCE_PER_PIECE = 0.25


def nothing_leaks(size: Size) -> Facts:
    """Two thousand of each are opened and closed, or dropped: files, greenlets, memory stay."""
    times = size.count(2000, 100)
    facts: Facts = {"times": times}
    with ServerProcess() as server, ExitStack() as stack:
        openers = {
            kind: stack.enter_context(Process("opener", server.endpoint, kind, times))
            for kind in KINDS
        }
        for kind, opener in openers.items():
            told = opener.hear(within=PATIENCE + 0.2 * times)
            before, after = told["before"], told["after"]
            assert after["files"] <= before["files"] + 8, (kind, told)
            assert after["greenlets"] <= before["greenlets"] + 8, (kind, told)
            grown = after["memory"] - before["memory"]
            assert grown <= 4 * MIB + times * NATIVE_BYTES, (kind, told)
            facts[f"{kind}_bytes"] = grown / times
    return facts


SCENARIOS = (huge_streams, nothing_leaks)
