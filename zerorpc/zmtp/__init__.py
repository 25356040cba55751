"""ZMTP 3, the protocol below ZeroMQ's sockets: bytes <-> messages, without I/O.

One `Session` is one end of one connection. `frame` is the layout of frames and commands, `metadata`
what peers tell of themselves, `handshake` how a connection begins, `session` what follows. None of
it knows sockets, time, or what is in a message.
"""

from __future__ import annotations

from zerorpc.zmtp.frame import Frame, Message, ZmtpError, encode, frame_header
from zerorpc.zmtp.handshake import Mechanism, Null
from zerorpc.zmtp.metadata import Peer
from zerorpc.zmtp.session import Session, Snapshot

__all__ = [
    "Frame",
    "Mechanism",
    "Message",
    "Null",
    "Peer",
    "Session",
    "Snapshot",
    "ZmtpError",
    "encode",
    "frame_header",
]
