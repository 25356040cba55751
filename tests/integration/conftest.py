"""Servers and clients for the tests of this folder: real sockets, on ports the system chooses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Keep, Serve, begin


@pytest.fixture
def context() -> Iterator[zerorpc.Context]:
    """A context of the test's own, for what must not leak into others: hooks and types."""
    with zerorpc.Context() as made:
        yield made


@pytest.fixture
def other_context() -> Iterator[zerorpc.Context]:
    """A second one, for an end that has other hooks and types than the first."""
    with zerorpc.Context() as made:
        yield made


@pytest.fixture
def keep(context: zerorpc.Context, other_context: zerorpc.Context) -> Iterator[Keep]:
    """Close whatever it is given when the test ends, the last first, and before its context."""
    with ExitStack() as stack:

        def keep_open(it: Any) -> Any:
            stack.enter_context(closing(it))
            return it

        yield keep_open


@pytest.fixture
def serve(keep: Keep) -> Iterator[Serve]:
    """Make a server that runs in a greenlet; fails the test when `run()` does not end well."""
    running: list[gevent.Greenlet[..., Any]] = []
    servers: list[zerorpc.Server] = []

    def start(methods: Any, endpoint: str = ANY_PORT, **options: Any) -> zerorpc.Server:
        server = zerorpc.Server(methods, **options)
        servers.append(server)
        server.bind(endpoint)
        running.append(begin(server.run))
        return server

    yield start
    for server in servers:
        server.close()
    for greenlet in running:
        greenlet.get(timeout=PATIENCE)


@pytest.fixture
def dial(keep: Keep) -> Dial:
    """Make a client of servers or endpoints."""

    def connect(*targets: zerorpc.Server | str, **options: Any) -> zerorpc.Client:
        client: zerorpc.Client = keep(zerorpc.Client(**options))
        for target in targets:
            client.connect(target if isinstance(target, str) else target.endpoints)
        return client

    return connect
