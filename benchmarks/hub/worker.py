"""`python -m benchmarks.hub.worker connect|listen ENDPOINT SCRIPT [COUNT]`: answers calls at once.

As many workers as connections, in one process. Prints a line once all are there.
"""

from __future__ import annotations

import re
import select
import socket
import sys
import time
from collections.abc import Sequence

from benchmarks.hub.line import Line, connect
from benchmarks.hub.script import ID_BYTES, SCRIPTS, Script

_BACKLOG = 4096
_START_S = 30.0
_READ_BYTES = 1 << 20
# What a hub asks its workers, and the answer: envelope and id as they came.
_ASKS = b"\xad_zerorpc_ping\x90"
_QUESTION = re.compile(
    rb"\x00.\x93\x82(\xaamessage_id\xc4\x20.{32}\xa1v\x03)" + re.escape(_ASKS), re.DOTALL
)
_PONG = b"\xa2OK\x91\x92\xa4pong\xa1w"


class Worker(Line):
    """Answers by rewriting what it hears, batch by batch."""

    script: Script
    _rest = b""

    def serve(self) -> bool:
        """Answer what has come; returns whether the other end is still there."""
        data = self.hear()
        if data is None:
            return False
        said, self._rest = answers(self.script, self._rest + data)
        if said:
            self.say(said)
        return True


def answers(script: Script, data: bytes) -> tuple[bytes, bytes]:
    """Return the answers to all calls that are whole, and the rest of what was heard."""
    ends = (*script.ends, _ASKS)
    cut = max((at + len(end) for end in ends if (at := data.rfind(end)) >= 0), default=0)
    said, rest = data[:cut], data[cut:]
    for old, new in script.rules:
        said = said.replace(old, new)
    if _ASKS in said:
        said = _QUESTION.sub(_pong, said)
    return said, rest


class LargeWorker(Line):
    """Answers a message while most of it is still to come, and keeps nothing of it."""

    script: Script
    _head = b""
    _missing = 0
    _buffer = bytearray(_READ_BYTES)

    def serve(self) -> bool:
        """Read some of a message; returns whether the other end is still there."""
        if self._missing:
            size = self.recv_into(self._buffer, min(self._missing, _READ_BYTES))
            self._missing -= size
            return size > 0
        # No more than belongs to one message for certain.
        data = self.recv(len(self.script.ends[0]))
        if not data:
            return False
        data = self.without_pings(self._head + data)
        said, self._head, self._missing = large_answers(self.script, data)
        for piece in said:
            self.say(piece)
        return True


def large_answers(script: Script, data: bytes) -> tuple[list[bytes], bytes, int]:
    """Return what to say, the rest of what was heard, and how much of a message is to come."""
    (head, answer), (tail, body) = script.rules
    said = []
    # Looked for as plain bytes first: the pattern takes 10 ms for a megabyte.
    while _ASKS in data and (question := _QUESTION.search(data)):
        said.append(data[: question.start()] + _pong(question))
        data = data[question.end() :]
    at = data.find(head)
    start = at + len(head)
    if at < 0 or len(data) < start + ID_BYTES:
        return said, data, 0
    said += [data[:at] + answer + data[start : start + ID_BYTES], body]
    return said, b"", len(tail) - (len(data) - start - ID_BYTES)


def _pong(question: re.Match[bytes]) -> bytes:
    header = question[1]
    # The id of what is answered does for the answer's own as well: nobody looks at that.
    asked = header[len(b"\xaamessage_id") :][:34]
    said = b"\x93\x83" + header + b"\xabresponse_to" + asked + _PONG
    return bytes((0, len(said))) + said


def _connected(endpoint: str) -> socket.socket:
    """Return a connection, once there is someone to connect to."""
    deadline = time.monotonic() + _START_S
    while True:
        try:
            return connect(endpoint)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def run(way: str, endpoint: str, script: str, count: int = 1) -> None:
    """Serve until killed."""
    poll, spoken = select.epoll(), SCRIPTS[script]()
    kind = LargeWorker if spoken.is_large else Worker
    kind.script = spoken
    lines: dict[int, Worker | LargeWorker] = {}
    listener: socket.socket | None = None
    if way == "listen":
        host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
        listener = socket.create_server((host, int(port)), backlog=_BACKLOG)
        poll.register(listener.fileno(), select.EPOLLIN)
    else:
        for _ in range(count):
            line = kind(_connected(endpoint), poll, b"ROUTER")
            lines[line.fd] = line
    print("ready", flush=True)
    while True:
        for fd, event in poll.poll():
            if listener and fd == listener.fileno():
                _welcome(listener, poll, kind, lines)
                continue
            if event & select.EPOLLOUT:
                lines[fd].go_on()
            if event & ~select.EPOLLOUT and not _serves(lines[fd]):
                lines.pop(fd).close()


def _serves(line: Worker | LargeWorker) -> bool:
    try:
        return line.serve()
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def _welcome(
    listener: socket.socket,
    poll: select.epoll,
    kind: type[Worker | LargeWorker],
    lines: dict[int, Worker | LargeWorker],
) -> None:
    sock, _ = listener.accept()
    try:
        line = kind(sock, poll, b"ROUTER")
    except OSError:
        return  # somebody who only looked whether we are here
    lines[line.fd] = line


def main(argv: Sequence[str]) -> None:
    """Read the command line, and serve."""
    way, endpoint, script, *count = argv
    run(way, endpoint, script, *map(int, count))


if __name__ == "__main__":
    main(sys.argv[1:])
