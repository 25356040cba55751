"""Ends while sockets that the library knows nothing of keep its context: `python -m ... left_open`.

One is open, one was closed with a message that nobody will take, for which ZeroMQ would wait.
"""

from __future__ import annotations

import zmq

import zerorpc


def main() -> None:
    """Leave two sockets, and end."""
    context = zerorpc.Context.get_instance()
    left = zmq.Socket(context, zmq.PUSH)
    waiting = zmq.Socket(context, zmq.DEALER)
    waiting.connect("tcp://127.0.0.1:1")
    waiting.send(b"for nobody")
    waiting.close(linger=-1)
    assert not left.closed
    print("ok")
    # Held until the process is gone; a local would be collected, and closed, before.
    globals()["left"] = left


if __name__ == "__main__":
    main()
