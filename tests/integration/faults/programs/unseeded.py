"""ROUTERs as libzmq makes them where nobody seeds its random numbers: `python -m ... unseeded DO`.

DO is "ids", to say the first automatic routing ids of eight of them, or "serve", to answer every
message with itself.
"""

from __future__ import annotations

import sys

import zmq

from tests.integration.faults.programs import life


def first_ids(routers: int) -> list[int]:
    """The routing id that each of so many ROUTERs gives to its first peer, as a number."""
    context = zmq.Context()
    found = []
    for _ in range(routers):
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        port = router.bind_to_random_port("tcp://127.0.0.1")
        dealer.connect(f"tcp://127.0.0.1:{port}")
        dealer.send(b"")
        identity = router.recv_multipart()[0]
        found.append(int.from_bytes(identity[1:], "big"))
    return found


def main() -> None:
    """Tell, or serve for ever."""
    life.begin()
    if sys.argv[1] == "ids":
        life.say(ids=first_ids(8))
        return
    router = zmq.Context().socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    life.say(endpoint=f"tcp://127.0.0.1:{port}")
    while True:
        router.send_multipart(router.recv_multipart())


if __name__ == "__main__":
    main()
