"""Ends without closing anything: `python -m ... leaver ENDPOINT`, in the middle of everything."""

from __future__ import annotations

import sys

import gevent

import zerorpc
from tests.integration.faults.programs import life

HELD: list[object] = []


def main() -> None:
    """Leave a client in mid-stream, an open call, a server, a pusher, and go."""
    life.begin()
    client = zerorpc.Client(sys.argv[1])
    stream = client.count(10**6)
    next(stream)
    call = client.slow(600, async_=True)
    server = zerorpc.Server({"abs": abs})
    server.bind("tcp://127.0.0.1:*")
    gevent.spawn(server.run)
    pusher = zerorpc.Pusher()
    pusher.bind("tcp://127.0.0.1:*")
    gevent.sleep(0)
    HELD.extend([client, stream, call, server, pusher])
    life.say(leaves=True)


if __name__ == "__main__":
    main()
