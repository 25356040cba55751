"""What has nothing to do takes no turns of the loop, whichever way it was woken last."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, Keep, begin, wait_until

ECHO = {"echo": lambda value: value}
# A loop that spins takes tens of thousands of turns in the time of one round trip.
FEW_TURNS = 100


def round_trips(count: int, keep: Keep) -> None:
    """Let the loop live for a while: a few calls between a server and a client of their own."""
    server = keep(zerorpc.Server(ECHO))
    client = keep(zerorpc.Client(server.bind(ANY_PORT)))
    running = begin(server.run)
    for number in range(count):
        assert client.echo(number) == number
    server.close()
    running.get()


def turns_while_idle(pump: Any, keep: Keep) -> int:
    before = pump.turns
    round_trips(20, keep)
    return int(pump.turns - before)


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [(zerorpc.Pusher, zerorpc.Puller), (zerorpc.Publisher, zerorpc.Subscriber)],
)
def test_a_socket_that_only_sends_rests(sender: Any, receiver: Any, keep: Keep) -> None:
    sending, receiving = keep(sender()), keep(receiver(ECHO))
    receiving.connect(sending.bind(ANY_PORT))
    # Each sees the other come, which wakes its descriptor.
    wait_until(lambda: sending._pump.turns and receiving._pump.turns, "both were woken")
    assert turns_while_idle(sending._pump, keep) < FEW_TURNS
    assert turns_while_idle(receiving._pump, keep) < FEW_TURNS


def test_a_server_that_does_not_run_yet_rests(keep: Keep) -> None:
    server = keep(zerorpc.Server(ECHO))
    client = keep(zerorpc.Client(server.bind(ANY_PORT)))
    calling = begin(client.echo, 1)
    wait_until(lambda: client.is_connected, "the client is there")
    assert turns_while_idle(server._driver.pump, keep) < FEW_TURNS
    calling.kill()


def test_a_puller_that_has_enough_for_now_rests(keep: Keep) -> None:
    puller = keep(zerorpc.Puller({"work": lambda: gevent.sleep(600)}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    for _ in range(4000):
        pusher.work()
    wait_until(lambda: not puller._pump._is_reading, "the puller has enough")
    assert turns_while_idle(puller._pump, keep) < FEW_TURNS
    puller.close()
    running.get()
