"""RPyC: threaded server, one connection, `async_` calls where several are in flight."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import rpyc
from rpyc.utils.helpers import buffiter
from rpyc.utils.server import ThreadedServer

from benchmarks.peers.load import TEXT, Load, Result, in_turn, in_window, timed

# Items per request of the buffered iterator: RPyC has no credit, it asks for a batch.
_CHUNK = 1000
_CONFIG = {"sync_request_timeout": 120}


class EchoService(rpyc.Service):  # type: ignore[misc]
    """What the server exposes; RPyC finds methods by their prefix."""

    def exposed_echo(self, value: Any) -> Any:
        """Give back what came."""
        return value

    def exposed_count(self, items: int) -> Iterator[str]:
        """Yield that many short strings."""
        for _ in range(items):
            yield TEXT


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def serve(endpoint: str) -> None:
    """Serve until killed."""
    host, port = _split(endpoint)
    ThreadedServer(EchoService, hostname=host, port=port, protocol_config=_CONFIG).start()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call, stream and payload."""
    connection = rpyc.connect(*_split(endpoint), config=_CONFIG)
    echo = connection.root.echo
    if load.mode == "stream":
        return timed(load, in_turn(lambda: _consume(connection, load.items)), load.items)
    value = TEXT if load.mode == "call" else bytes(load.size_bytes)
    if load.inflight == 1:
        return timed(load, in_turn(functools.partial(echo, value)))
    begin = rpyc.async_(echo)
    return timed(load, in_window(lambda: begin(value), _collect, load.inflight))


def _collect(pending: Any) -> Any:
    pending.wait()
    return pending.value


def _consume(connection: Any, items: int) -> None:
    for _ in buffiter(connection.root.count(items), chunk=_CHUNK, max_chunk=_CHUNK):
        pass
