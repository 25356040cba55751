"""Freed memory is kept for the next large payload, in processes that see large ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import zerorpc
from tests.integration.faults.processes import ServerProcess, memory_bytes
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import FAR_AWAY, wait_until

# `hblks`, the fourth field of glibc's own account: blocks that come straight from the system.
_PROGRAM = """
import ctypes, sys
from zerorpc.wire import Codec
class Account(ctypes.Structure):
    _fields_ = [(str(number), ctypes.c_size_t) for number in range(10)]
account = ctypes.CDLL(None).mallinfo2
account.restype = Account
codec = Codec()
exec(sys.argv[1])
before = getattr(account(), "3")
block = bytearray(1 << 20)
print(getattr(account(), "3") - before)
"""
# Two ends of a connection greet each other, and one sends the beginning of a frame.
_CONNECTION = """
from zerorpc.zmtp import Session
ends = Session("DEALER"), Session("ROUTER", is_server=True)
said = [each.begin() for each in ends]
while any(said):
    for each, heard in zip(ends, reversed(said)):
        each.receive(heard)
    said = [each.take_output() for each in ends]
ends[1].receive(b"\\2" + (%d).to_bytes(8, "big") + b"x" * 100)
"""
_LARGE = "codec.request(b'x' * 32, 'echo', [b'x' * 100_000], None)"
_SMALL = "codec.request(b'x' * 32, 'echo', [b'x' * 10_000], None)"


ON_GLIBC = pytest.mark.skipif(
    not os.confstr_names.get("CS_GNU_LIBC_VERSION"), reason="the rule is one of glibc"
)


@ON_GLIBC
@pytest.mark.parametrize(
    ("what", "fresh"),
    [
        (_SMALL, 1),
        (f"codec.decode({_SMALL})", 1),
        (_LARGE, 0),
        # Packed elsewhere, so that it is the receiving that does it.
        (_CONNECTION % 10_000, 1),
        (_CONNECTION % 100_000, 0),
        ("import msgpack; codec.decode(msgpack.packb([{}, 'echo', [b'x' * 100_000]]))", 0),
    ],
)
def test_large_blocks_are_kept_once_an_event_was_large(what: str, fresh: int) -> None:
    environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    command = [sys.executable, "-c", _PROGRAM, what]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (ran.stdout.strip(), ran.stderr) == (str(fresh), "")


@ON_GLIBC
def test_the_memory_of_many_lost_calls_goes_back_to_the_system() -> None:
    """Beside what a thousand greenlets take, which are kept for the next burst."""
    calls = 10_000
    with (
        ServerProcess(heartbeat=FAR_AWAY) as server,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer,
    ):
        observer.echo(1)
        before = memory_bytes(server.pid)
        with RawPeer(server.endpoint, RCVHWM=0, SNDHWM=0) as raw:
            for _ in range(calls):
                raw.send("slow", [FAR_AWAY])
            wait_until(lambda: observer.counters()["running"] == calls + 1, "all are running")
            assert memory_bytes(server.pid) > before + (64 << 20)
        wait_until(lambda: memory_bytes(server.pid) < before + (40 << 20), "it is given back")
        assert observer.counters()["running"] == 1
