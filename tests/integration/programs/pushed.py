"""Sends five messages and ends without closing: `python -m ... pushed HOW ENDPOINT HEARD`.

HOW is `kept` for a Pusher that is still there at the end, `dropped` for one that nobody holds any
more by then, `published` for a Publisher, which says hello until the file HEARD is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gevent

import zerorpc


def push(pusher: zerorpc.Pusher) -> None:
    """Send the five."""
    for number in range(5):
        pusher.note(number)


def main() -> None:
    """Send, and leave it at that."""
    how, endpoint, heard = sys.argv[1:]
    pusher = zerorpc.Publisher() if how == "published" else zerorpc.Pusher()
    pusher.connect(endpoint)
    if how != "dropped":
        globals()["kept"] = pusher
    while how == "published" and not Path(heard).exists():
        pusher.note("hello")
        gevent.sleep(0.01)  # the rate of the greetings
    push(pusher)


if __name__ == "__main__":
    main()
