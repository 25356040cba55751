"""Where the process may open no more sockets: said clearly, and nothing is left behind."""

from __future__ import annotations

import pytest

import zerorpc
from tests.integration.running import wait_until
from zerorpc.transport.watchdog import Watchdog

NOBODY = "tcp://127.0.0.1:1"


def test_a_client_too_many_leaves_nothing_open() -> None:
    with zerorpc.Context() as context:
        context.set(zerorpc.zmq.MAX_SOCKETS, 4)  # a client takes three, its monitor's included
        first = zerorpc.Client(NOBODY, context)
        for _ in range(10):
            with pytest.raises(zerorpc.EndpointError, match="cannot open a socket"):
                zerorpc.Client(NOBODY, context)
        first.close()
        wait_until(lambda: is_possible(context), "there is room for another client")


def test_a_client_that_gets_no_watchdog_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with zerorpc.Context() as context:
        context.set(zerorpc.zmq.MAX_SOCKETS, 4)
        monkeypatch.setattr("zerorpc.transport.driver.watchdog", Watchdog())
        monkeypatch.setattr("zerorpc.transport.watchdog.start_thread", no_thread)
        for _ in range(10):
            with pytest.raises(RuntimeError, match="new thread"):
                wait_until(lambda: is_possible(context), "there is room for another client")
        monkeypatch.undo()
        wait_until(lambda: is_possible(context), "there is room for another client")


def no_thread(*_: object) -> None:
    """Fail as Python does where the process may have no more threads."""
    raise RuntimeError("can't start new thread")


def is_possible(context: zerorpc.Context) -> bool:
    """Ask whether there is room, which libzmq gives back a moment after a socket was closed."""
    try:
        zerorpc.Client(NOBODY, context).close()
    except zerorpc.EndpointError:
        return False
    return True
