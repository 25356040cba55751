"""Opens and closes objects again and again: `python -m ... opener KIND TIMES`.

Says what the process holds after a warm-up and at the end; KIND is the name of a function here.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable

import gevent
import greenlet

import zerorpc
from tests.integration.faults.processes import PATIENCE, memory_bytes, open_files
from tests.integration.faults.programs import life

# So many come before the first look: what waits for the garbage collector has a level, too.
WARM_UP = 100
SOME_FILES = 20  # of libzmq's threads, gevent's loop, and of Python


def held() -> dict[str, int]:
    """What this process holds now."""
    pid = os.getpid()
    return {
        "files": open_files(pid),
        "greenlets": sum(isinstance(each, greenlet.greenlet) for each in gc.get_objects()),
        "memory": memory_bytes(pid),
    }


def settled(most_files: int) -> dict[str, int]:
    """What it holds once libzmq's own thread has closed what was given to it, or never does."""
    ends = time.monotonic() + PATIENCE / 2
    while True:
        gc.collect()
        gevent.sleep(0.01)
        found = held()
        if found["files"] <= most_files or time.monotonic() > ends:
            return found


def closed_client(endpoint: str) -> None:
    """A client that calls and is closed."""
    with zerorpc.Client(endpoint) as client:
        client.echo(1)


def dropped_client(endpoint: str) -> None:
    """A client that calls and is forgotten."""
    zerorpc.Client(endpoint).echo(1)


def dropped_stream(endpoint: str) -> None:
    """A client that is forgotten in the middle of a stream."""
    next(zerorpc.Client(endpoint).count(10**6))


def closed_server(endpoint: str) -> None:
    """A server that serves a call and is closed."""
    with zerorpc.Server({"echo": abs}) as server:
        server.bind("tcp://127.0.0.1:*")
        running = gevent.spawn(server.run)
        closed_client(server.endpoints[0])
        server.stop()
        running.join()


def dropped_server(endpoint: str) -> None:
    """A server that was bound and is forgotten."""
    zerorpc.Server({"echo": abs}).bind("tcp://127.0.0.1:*")
    gevent.sleep(0)  # sockets are closed by their loop, which must have a turn


def closed_pair(endpoint: str) -> None:
    """A Pusher and a Puller, bound, connected and closed."""
    with zerorpc.Puller({"echo": abs}) as puller, zerorpc.Pusher() as pusher:
        pusher.connect(puller.bind("tcp://127.0.0.1:*"))
        pusher.echo(1)


def lost_client(endpoint: str) -> None:
    """A client whose calls end in every kind of error."""
    with zerorpc.Client(endpoint) as client:
        for method, args in (("nope", []), ("fail", ["x"]), ("slow", [60])):
            try:
                client(method, *args, timeout=0.005)
            except zerorpc.ZerorpcError:
                continue


KINDS: dict[str, Callable[[str], None]] = {
    job.__name__: job
    for job in (
        closed_client,
        dropped_client,
        dropped_stream,
        closed_server,
        dropped_server,
        closed_pair,
        lost_client,
    )
}


def main() -> None:
    """Warm up, look, repeat, look."""
    life.begin()
    endpoint, kind, times = sys.argv[1], KINDS[sys.argv[2]], int(sys.argv[3])
    for _ in range(WARM_UP):
        kind(endpoint)
    before = settled(SOME_FILES)
    for _ in range(times):
        kind(endpoint)
    life.say(before=before, after=settled(before["files"]))


if __name__ == "__main__":
    main()
