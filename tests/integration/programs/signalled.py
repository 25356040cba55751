"""Serves until its own handler of SIGTERM stops that: `python -m ... signalled server|puller`.

The signal always arrives in another thread than the one that waits in the loop, so nothing but
what the library does about it interrupts the wait. With `--forked` all this is in a child that was
forked while its parent served. Prints the number of the process, then "stopped".
"""

from __future__ import annotations

import os
import signal
import sys

import gevent
from gevent import monkey

import zerorpc

start_thread = monkey.get_original("_thread", "start_new_thread")
allocate_lock = monkey.get_original("_thread", "allocate_lock")


def take_signals_elsewhere() -> None:
    """Have a thread that does nothing else take the signals of this process."""
    begun, for_ever = allocate_lock(), allocate_lock()
    begun.acquire()
    for_ever.acquire()

    def idle() -> None:
        begun.release()
        for_ever.acquire()

    start_thread(idle, ())
    begun.acquire()
    # A handler of Python's runs in the main thread all the same.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def fork_while_serving() -> None:
    """Go on in a child; the parent waits for its end and ends likewise."""
    gevent.spawn(zerorpc.Puller({}).run)
    gevent.sleep(0)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def main() -> None:
    """Serve, idle, until the signal."""
    if "--forked" in sys.argv:
        fork_while_serving()
    take_signals_elsewhere()
    receiver: zerorpc.Server | zerorpc.Puller = zerorpc.Puller({})
    if sys.argv[1] == "server":
        receiver = zerorpc.Server({}, heartbeat=None)
    receiver.bind("tcp://127.0.0.1:*")
    signal.signal(signal.SIGTERM, lambda *_: receiver.stop())
    gevent.spawn(print, os.getpid(), flush=True)  # in the first turn of the loop
    receiver.run()
    print("stopped")


if __name__ == "__main__":
    main()
