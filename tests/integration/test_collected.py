"""What the garbage collector finds, wherever and whenever it finds it, is given up safely."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import zerorpc
from tests.integration.running import PATIENCE, Dial, Serve, open_calls, wait_until


@zerorpc.stream
def endless() -> Iterator[int]:
    while True:
        yield 1


SERVICE = {"endless": endless, "echo": lambda value: value}


class Cycle:
    """Holds itself, so that only the collector frees it."""

    def __init__(self, held: Any) -> None:
        self.me = self
        self.held = held


@pytest.fixture
def manual() -> Iterator[None]:
    """Collect only when told."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def abandon_streams(client: zerorpc.Client, count: int) -> None:
    for _ in range(count):
        next(Cycle(client.endless()).held)


def test_streams_found_in_another_thread_end(serve: Serve, dial: Dial, manual: None) -> None:
    server = serve(SERVICE, heartbeat=None)
    client = dial(server, heartbeat=None)
    abandon_streams(client, 3)
    finder = threading.Thread(target=gc.collect)
    finder.start()
    finder.join()
    wait_until(lambda: server.statistics()["running"] == 0, "the server's generators end")
    assert open_calls(client) == 0


def test_streams_of_calls_that_nobody_waited_for_end(serve: Serve, dial: Dial) -> None:
    """Dropped as the result, as the iterator in it, or with their client: without the collector."""
    server = serve(SERVICE, heartbeat=None)
    client, other = dial(server, heartbeat=None), zerorpc.Client(heartbeat=None)
    other.connect(server.endpoints)
    client.endless(async_=True)
    assert next(client.endless(async_=True).get(timeout=PATIENCE)) == 1
    assert next(other.endless(async_=True).get(timeout=PATIENCE)) == 1
    del other
    wait_until(lambda: server.statistics()["running"] == 0, "the server's generators end")
    assert server.statistics()["events_received"] > 0
    assert open_calls(client) == 0


def test_streams_found_in_the_middle_of_a_drain_end(serve: Serve, dial: Dial, manual: None) -> None:
    """So many that their ends would be sent at once, which is what the drain is about to do."""
    server = serve(SERVICE, heartbeat=None)
    client = dial(server, heartbeat=None)
    abandon_streams(client, 100)
    pump: Any = client._routes._drivers[0].pump
    transmit = pump._tx

    def collect_and_transmit(*arguments: Any) -> None:
        pump._tx = transmit
        gc.collect()
        transmit(*arguments)

    pump._tx = collect_and_transmit
    assert client.echo(1) == 1
    wait_until(lambda: server.statistics()["running"] == 0, "the server's generators end")
    assert open_calls(client) == 0
