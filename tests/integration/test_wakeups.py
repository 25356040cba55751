"""ZeroMQ says once that something changed: no interleaving of sends and receives may miss it.

There is no heartbeat, no timeout and no other timer here, so what one missed wake-up leaves lying
lies for ever, and the test fails by its own clock.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import ANY_PORT, PATIENCE, Keep, begin, wait_until


def pause(source: random.Random) -> None:
    """Let others run, in one of the ways in which a program does, or do not."""
    chance = source.random()
    if chance < 0.3:
        gevent.sleep(0)
    elif chance < 0.35:
        gevent.sleep(0.0005)
    elif chance < 0.36:
        time.sleep(0.0005)  # the loop stands still, and messages come meanwhile


@pytest.fixture
def source() -> random.Random:
    """The same for every run, whatever the order of the tests."""
    return random.Random(1)


@pytest.fixture
def quiet(keep: Keep, source: random.Random) -> zerorpc.Server:
    """A server without any timer, whose methods pause now and then."""

    def echo(value: Any) -> Any:
        pause(source)
        return value

    def count(n: int) -> Any:
        for number in range(n):
            pause(source)
            yield number

    table = {"echo": echo, "count": zerorpc.stream(count)}
    server: zerorpc.Server = keep(zerorpc.Server(table, heartbeat=None))
    server.bind(ANY_PORT)
    begin(server.run)
    return server


def client_of(keep: Keep, server: zerorpc.Server) -> zerorpc.Client:
    client: zerorpc.Client = keep(zerorpc.Client(server.endpoints, heartbeat=None, timeout=None))
    return client


@pytest.mark.parametrize("callers", [1, 2, 7, 100])
def test_calls_of_any_number_of_greenlets(
    keep: Keep, quiet: zerorpc.Server, source: random.Random, callers: int
) -> None:
    client = client_of(keep, quiet)

    def call(calls: int) -> int:
        for number in range(calls):
            assert client.echo(number) == number
            pause(source)
        return calls

    calling = [gevent.spawn(call, 2000 // callers) for _ in range(callers)]
    gevent.joinall(calling, timeout=3 * PATIENCE)
    assert [each.value for each in calling] == [2000 // callers] * callers


def test_calls_streams_and_clients_that_come_and_go(
    keep: Keep, quiet: zerorpc.Server, source: random.Random
) -> None:
    def work() -> int:
        with client_of(keep, quiet) as client:
            for number in range(30):
                assert client.echo(number) == number
                pause(source)
                if number % 3 == 0:
                    items = client.count(source.randrange(1, 60), slots=source.choice([1, 2, 10]))
                    deque(items, maxlen=0)
                if number % 7 == 0:
                    stream = client.count(100)
                    next(stream)
                    stream.close()
        return 30

    working = [gevent.spawn(work) for _ in range(12)]
    gevent.joinall(working, timeout=3 * PATIENCE)
    assert [each.value for each in working] == [30] * 12


def test_a_peer_that_sends_from_another_thread(quiet: zerorpc.Server) -> None:
    """Its messages come when they like, between any two steps of the loop."""
    answers: list[int] = []

    def work() -> None:
        with RawPeer(quiet.endpoints[0]) as raw:
            chance = random.Random(2)
            for number in range(1500):
                channel = raw.send("echo", [number])
                if chance.random() < 0.1:
                    time.sleep(0.0003)
                assert raw.receive_answer(channel, 3 * PATIENCE) == ("OK", [number])
                answers.append(number)
        gevent.get_hub().destroy()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    wait_until(lambda: not thread.is_alive(), "all are answered", 4 * PATIENCE)
    assert answers == list(range(1500))


def test_sends_from_the_watchdogs_thread_steal_no_wake_up(
    keep: Keep, source: random.Random
) -> None:
    """It beats on the sockets that the loop uses, and takes the news from their descriptors."""
    interval = 0.05

    def block(seconds: float) -> float:
        time.sleep(seconds)
        return seconds

    server = keep(zerorpc.Server({"block": block, "wait": gevent.sleep}, heartbeat=interval))
    client = keep(zerorpc.Client(server.bind(ANY_PORT), heartbeat=interval, timeout=None))
    begin(server.run)
    waiting = [gevent.spawn(client.wait, 2.5) for _ in range(5)]
    blocking = [gevent.spawn(client.block, source.uniform(0.0, 0.1)) for _ in range(25)]
    gevent.joinall([*waiting, *blocking], timeout=3 * PATIENCE)
    assert all(each.successful() for each in [*waiting, *blocking])


def test_one_way_messages_both_ways(keep: Keep, source: random.Random) -> None:
    ends: list[tuple[zerorpc.Pusher, list[int]]] = []
    for _ in range(2):
        notes: list[int] = []
        puller = keep(zerorpc.Puller({"note": notes.append}))
        pusher = keep(zerorpc.Pusher())
        pusher.connect(puller.bind(ANY_PORT))
        begin(puller.run)
        ends.append((pusher, notes))

    def push(pusher: zerorpc.Pusher) -> None:
        for number in range(1500):
            pusher.note(number)
            pause(source)

    for pusher, _ in ends:
        gevent.spawn(push, pusher)
    for _, notes in ends:
        wait_until(lambda notes=notes: len(notes) == 1500, "all have come", 3 * PATIENCE)  # type: ignore[misc]
        assert notes == list(range(1500))
