"""From one process to the next: state and descriptors through a pair of sockets.

The new process says which version it reads; the old one, which has served meanwhile, answers with
everything it has, or, to another version, with nothing: then it ends on its own what it began.
Both block while they do so, for there is nothing else that either could do.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping, Sequence
from struct import Struct
from typing import Any

from msgpack import packb, unpackb

Plain = dict[str, Any]

# Of the state's form; another one whenever a process of before could not be understood any more.
VERSION = 1
_VARIABLE = "ZERORPC_HUB_HANDOVER"
# The kernel takes 253 descriptors with one message.
_PORTION = 200
_SIZES = Struct(">QI")  # of the state in bytes, and how many descriptors
# Beyond any pause that callers would put up with.
_PATIENCE_S = 30.0


class OldEnd:
    """The end of the process that hands over; to be made before the new one begins to start."""

    def __init__(self) -> None:
        self._socket, self._other = socket.socketpair()

    @property
    def descriptor(self) -> int:
        """The descriptor that the new process has to inherit."""
        return self._other.fileno()

    @property
    def environment(self) -> Mapping[str, str]:
        """What tells the new process of it."""
        return {_VARIABLE: str(self.descriptor)}

    def fileno(self) -> int:
        """Return what becomes readable when the new process asks, or has failed to start."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let go of both ends: there is no new process."""
        self._socket.close()
        self._other.close()

    def asked(self) -> int | None:
        """Return which version the new process reads; None where there is none any more."""
        said = self._socket.recv(4)
        return int.from_bytes(said, "big") if said else None

    def give(self, state: Plain, descriptors: Sequence[int]) -> None:
        """Hand everything over, with whatever the new process asks for after that."""
        self._socket.settimeout(_PATIENCE_S)
        # Plain data and not pickles: the other end may be of another release, whose classes differ.
        data = packb(state, unicode_errors="surrogateescape")
        self._socket.sendall(_SIZES.pack(len(data), len(descriptors)))
        for at in range(0, len(descriptors), _PORTION):
            socket.send_fds(self._socket, [b"+"], descriptors[at : at + _PORTION])
            # In turn, or descriptors of two messages would come with one.
            self._socket.recv(1)
        self._socket.sendall(data)
        self._socket.close()


def take(environment: MutableMapping[str, str]) -> tuple[Plain, list[int]] | None:
    """Return the state and descriptors of the process that this one replaces, None without any."""
    # Taken out, or a program that is started from here would believe that it were meant.
    inherited = environment.pop(_VARIABLE, None)
    if inherited is None:
        return None
    with socket.socket(fileno=int(inherited)) as end:
        end.settimeout(_PATIENCE_S)
        end.sendall(VERSION.to_bytes(4, "big"))
        size, count = _SIZES.unpack(_exactly(end, _SIZES.size))
        descriptors: list[int] = []
        while len(descriptors) < count:
            _, some, _, _ = socket.recv_fds(end, 1, _PORTION)
            if not some:
                raise ConnectionError("the process of before has gone in the middle of it")
            descriptors += some
            end.sendall(b"+")
        state = unpackb(_exactly(end, size), strict_map_key=False, unicode_errors="surrogateescape")
    # What arrives with a message is inherited by every program that is started, unlike our own.
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return state, descriptors


def _exactly(end: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, at = memoryview(data), 0
    while at < size:
        taken = end.recv_into(view[at:])
        if not taken:
            raise ConnectionError("the process of before has gone in the middle of it")
        at += taken
    return data
