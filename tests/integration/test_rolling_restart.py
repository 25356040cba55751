"""Servers that are replaced one by one, each with `stop()`, under load: no caller notices."""

from __future__ import annotations

from collections import Counter
from typing import Any

import gevent

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, begin, outcome, wait_until

SERVICE = {
    "echo": lambda value: value,
    "count": zerorpc.stream(range),
    "nap": lambda: gevent.sleep(0.005),
}
ROUNDS = 3


class Serving:
    """A server that runs in a greenlet of its own."""

    def __init__(self, endpoint: str = ANY_PORT) -> None:
        self.server = zerorpc.Server(SERVICE)
        self.endpoint = wait_until(lambda: self._bound(endpoint), "the port is free")
        self._running = begin(self.server.run)

    def _bound(self, endpoint: str) -> str:
        try:
            return self.server.bind(endpoint)[0]
        except zerorpc.EndpointError:
            return ""

    def end(self) -> None:
        """Stop as a deployment does, then close."""
        self.server.stop(PATIENCE)
        outcome(self._running)
        self.server.close()


def test_no_call_is_lost_while_servers_are_replaced(dial: Dial) -> None:
    servers = [Serving() for _ in range(3)]
    client = dial(*(each.endpoint for each in servers))
    wait_until(lambda: all(is_up(client)), "all are connected")
    answered: Counter[str] = Counter()
    is_over: list[bool] = []

    def call() -> None:
        while not is_over:
            assert client.echo(1) == 1
            assert list(client.count(100)) == list(range(100))
            client.nap()
            answered["rounds"] += 1

    callers = [gevent.spawn(call) for _ in range(20)]
    for number in [*range(len(servers))] * ROUNDS:
        before = answered["rounds"]
        servers[number].end()
        servers[number] = Serving(servers[number].endpoint)
        wait_until(lambda: all(is_up(client)), "the new server is connected")
        goal = before + 20
        wait_until(lambda: answered["rounds"] > goal or failed(callers), "calls go on")  # noqa: B023
    is_over.append(True)
    gevent.joinall(callers, timeout=PATIENCE, raise_error=True)
    for each in servers:
        each.end()


def is_up(client: zerorpc.Client) -> list[bool]:
    return [each["is_up"] for each in client.statistics().values()]


def failed(greenlets: list[Any]) -> bool:
    return any(each.ready() for each in greenlets)
