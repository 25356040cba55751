"""`python -m benchmarks.hub.idlers ENDPOINT COUNT`: clients that connect, and never call.

They answer PINGs, as libzmq does. Prints a line once all are there.
"""

from __future__ import annotations

import resource
import select
import sys
from collections.abc import Sequence

from benchmarks.hub.line import Line, connect

_OTHER_FILES = 64


def run(endpoint: str, count: int) -> None:
    """Hold the connections until killed, or hung up on."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < count + _OTHER_FILES:
        raise SystemExit(f"{count} connections need more than the {hard} files that we may open")
    poll = select.epoll()
    lines: dict[int, Line] = {}
    while len(lines) < count:
        line = Line(connect(endpoint), poll, b"DEALER")
        lines[line.fd] = line
        _answer(poll, lines, 0)  # or the first would be given up before the last is there
    print("ready", flush=True)
    while lines:
        _answer(poll, lines, -1)


def _answer(poll: select.epoll, lines: dict[int, Line], patience: float) -> None:
    for fd, _ in poll.poll(patience):
        if not _is_there(lines[fd]):
            lines.pop(fd).close()


def _is_there(line: Line) -> bool:
    try:
        return line.hear() is not None
    except ConnectionError:  # given up on a busy machine, before its turn came
        return False


def main(argv: Sequence[str]) -> None:
    """Read the command line, and hold."""
    endpoint, count = argv
    run(endpoint, int(count))


if __name__ == "__main__":
    main(sys.argv[1:])
