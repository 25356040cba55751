"""Uses everything, forks in the way that is asked for, and uses everything again in both.

`python -m ... forks os|multiprocessing`; prints "ok" when all of it held, else says what did not.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import gevent
import pytest

import zerorpc

ANY_PORT = "tcp://127.0.0.1:*"
PATIENCE = 20.0


def use_all() -> list[bytes]:
    """Serve, call, push and publish with fresh objects; returns ids that this process gives."""
    notes: list[int] = []
    with (
        zerorpc.Server({"add": lambda a, b: a + b, "count": zerorpc.stream(range)}) as server,
        zerorpc.Puller({"note": notes.append}) as puller,
        zerorpc.Client() as client,
        zerorpc.Pusher() as pusher,
    ):
        client.connect(server.bind(ANY_PORT))
        pusher.connect(puller.bind(ANY_PORT))
        running = [gevent.spawn(server.run), gevent.spawn(puller.run)]
        assert client.add(1, 2) == 3
        assert list(client.count(300)) == list(range(300))
        pusher.note(1)
        with gevent.Timeout(PATIENCE):
            while not notes:
                gevent.sleep(0.001)
        server.stop()
        puller.stop()
        gevent.joinall(running, timeout=PATIENCE, raise_error=True)
    return [zerorpc.Context.get_instance().new_msgid() for _ in range(3)]


def explains(use: Callable[[], Any]) -> None:
    """Check that something which cannot be used here says why, at once."""
    with gevent.Timeout(PATIENCE), pytest.raises(zerorpc.ClosedError, match="fork"):
        use()


class Inherited:
    """One of each, made and used before the fork."""

    def __init__(self, server: zerorpc.Server) -> None:
        self.server = server
        self.client = zerorpc.Client(server.endpoints)
        self.pusher = zerorpc.Pusher()
        self.puller = zerorpc.Puller({"note": print})
        self.pusher.connect(self.puller.bind(ANY_PORT))
        self.stream = self.client.count(5000)
        assert next(self.stream) == 0
        self.waiting = gevent.spawn(self.client.add, 1, 2)
        gevent.sleep(0)  # it calls, and the answer is the parent's

    def cannot_be_used(self) -> None:
        """Try each in a child."""
        client, server, pusher, puller = self.client, self.server, self.pusher, self.puller
        explains(lambda: client.add(1, 2))
        explains(lambda: client.add(1, 2, async_=True))
        explains(lambda: client.connect(ANY_PORT.replace("*", "1")))
        explains(lambda: list(self.stream))
        explains(server.run)
        explains(lambda: server.bind(ANY_PORT))
        explains(lambda: pusher.note(1))
        explains(puller.run)
        for it in (client, server, pusher, puller):
            it.close()

    def still_works(self) -> None:
        """Try each in the parent, while the child lives and afterwards."""
        assert self.waiting.get(timeout=PATIENCE) == 3
        assert self.client.add(2, 3) == 5
        assert list(self.stream) == list(range(1, 5000))
        self.pusher.note(1)


def in_child(inherited: Inherited, ids: int) -> None:
    """What the child does: use what it inherited, then everything afresh, and tell its ids."""
    inherited.cannot_be_used()
    os.write(ids, b"".join(use_all()))


def by_os(inherited: Inherited, ids: int) -> None:
    """Fork plainly."""
    child = os.fork()
    if not child:
        status = 1
        try:
            in_child(inherited, ids)
            status = 0
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        finally:
            sys.stderr.flush()
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"the child ended with {status}"


def by_multiprocessing(inherited: Inherited, ids: int) -> None:
    """Have `multiprocessing` fork."""
    child = multiprocessing.get_context("fork").Process(target=in_child, args=(inherited, ids))
    child.start()
    child.join(4 * PATIENCE)
    assert child.exitcode == 0, f"the child ended with {child.exitcode}"


def main() -> None:
    """Use, fork, use."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on forks beside threads
    mine = use_all()
    with zerorpc.Server({"add": lambda a, b: a + b, "count": zerorpc.stream(range)}) as server:
        server.bind(ANY_PORT)
        running = gevent.spawn(server.run)
        inherited = Inherited(server)
        read, write = os.pipe()
        {"os": by_os, "multiprocessing": by_multiprocessing}[sys.argv[1]](inherited, write)
        theirs = os.read(read, 1000)
        inherited.still_works()
        server.stop()
        running.get(timeout=PATIENCE)
    mine += use_all()
    assert len(theirs) == 3 * 32
    for id_ in mine:
        assert id_ not in theirs, "both give the same ids"
        assert id_[8:] not in theirs, "both draw from the same random numbers"
    print("ok")


if __name__ == "__main__":
    main()
