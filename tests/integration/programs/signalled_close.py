"""Closes sockets in a signal's handler, wherever it strikes: `python -m ... signalled_close`."""

from __future__ import annotations

import logging
import random
import signal
from types import FrameType

import gevent

import zerorpc

ROUNDS = 200


def main() -> None:
    """Send until closed, again and again."""
    used: list[zerorpc.Pusher | zerorpc.Client] = []

    def close(_number: int, _frame: FrameType | None) -> None:
        used[-1].close()

    # What a busy machine has not sent within a second is none of the test's business.
    logging.getLogger("zerorpc.transport").setLevel(logging.ERROR)
    signal.signal(signal.SIGALRM, close)
    source = random.Random(0)
    notes: list[int] = []
    with (
        zerorpc.Puller({"note": notes.append}) as puller,
        zerorpc.Server({"note": lambda _number: None}) as server,
    ):
        pulled, served = puller.bind("tcp://127.0.0.1:*"), server.bind("tcp://127.0.0.1:*")
        for each in (puller, server):
            gevent.spawn(each.run)
        for number in range(ROUNDS):
            pushing = number % 2
            user = zerorpc.Pusher() if pushing else zerorpc.Client(timeout=None, heartbeat=None)
            used.append(user)
            user.connect(pulled if pushing else served)
            signal.setitimer(signal.ITIMER_REAL, source.uniform(0.0001, 0.003))
            try:
                while True:
                    for _ in range(50):
                        user("note", number, **({} if pushing else {"async_": True}))
                    gevent.sleep(0)
            except zerorpc.ClosedError:
                pass
        # Or it would warn, rightly, of what it has taken and not handled.
        while puller.statistics()["events_received"] != len(notes):
            gevent.sleep(0)
        puller.close()
    print("ok")


if __name__ == "__main__":
    main()
