"""Hubs, and workers and clients of ours that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.running import PATIENCE, begin

Start = Callable[..., HubProcess]
Work = Callable[..., zerorpc.Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start hubs, each from a file of its own."""
    with ExitStack() as stack:

        def start_hub(text: str = ONE_HUB, **variables: str) -> HubProcess:
            folder = tmp_path / f"hub{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(HubProcess(folder, text, variables=variables))

        yield start_hub


@pytest.fixture
def work() -> Iterator[Work]:
    """Run workers in greenlets, connected to endpoints."""
    servers: list[zerorpc.Server] = []
    running: list[gevent.Greenlet[..., Any]] = []

    def start_worker(methods: Any, *endpoints: str, **options: Any) -> zerorpc.Server:
        server = zerorpc.Server(methods, **options)
        servers.append(server)
        server.connect(list(endpoints))
        running.append(begin(server.run))
        return server

    yield start_worker
    for server in servers:
        server.close()
    for greenlet in running:
        greenlet.get(timeout=PATIENCE)
