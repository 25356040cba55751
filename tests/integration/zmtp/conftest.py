"""Sockets of libzmq, and connections to them, that end with the test."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import pytest
import zmq

from tests.integration.running import PATIENCE
from tests.integration.zmtp.line import Line
from zerorpc.zmtp import Session

Socket = zmq.Socket[bytes]
MakePeer = Callable[..., Socket]
Meet = Callable[[Session, Socket, random.Random], Line]


@pytest.fixture
def make_peer() -> Iterator[MakePeer]:
    """Make a socket of libzmq of the type so called; none waits for ever or drops what it sends."""
    context = zmq.Context()
    sockets = []

    def make(socket_type: str, **options: int | bytes) -> Socket:
        made = context.socket(getattr(zmq, socket_type))
        sockets.append(made)
        made.linger = 0
        made.set_hwm(0)
        made.rcvtimeo = made.sndtimeo = int(PATIENCE * 1000)
        for name, value in options.items():
            made.setsockopt(getattr(zmq, name), value)
        return made

    yield make
    for each in sockets:
        each.close()
    context.term()


@pytest.fixture(params=["libzmq connects", "we connect"])
def meet(request: pytest.FixtureRequest) -> Iterator[Meet]:
    """Connect a session to a socket of libzmq, from either side, and shake hands."""
    make = Line.of if request.param == "libzmq connects" else Line.to
    with ExitStack() as stack:

        def connect(session: Session, peer: Socket, source: random.Random) -> Line:
            line = stack.enter_context(closing(make(session, peer, source)))
            line.hear_until(lambda: session.peer is not None)
            return line

        yield connect
