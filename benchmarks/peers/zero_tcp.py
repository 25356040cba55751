"""Zero (`zeroapi`) over its TCP protocol, with uvloop at both ends, one worker process."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from zero import AsyncZeroClient, ZeroServer
from zero.protocols.tcp import AsyncTCPClient, TCPServer

from benchmarks.peers.load import TEXT, Load, Result, in_tasks, timed


async def echo(value: str) -> str:
    """Give back what came; Zero reads the types of its methods."""
    return value


async def echo_bytes(value: bytes) -> bytes:
    """Give back what came."""
    return value


def _split(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return host, int(port)


def serve(endpoint: str) -> None:
    """Serve until killed; one worker, since the other peers have one process too."""
    host, port = _split(endpoint)
    server = ZeroServer(host, port, protocol=TCPServer)
    server.register_rpc(echo)
    server.register_rpc(echo_bytes)
    server.run(workers=1)


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call and payload; each call needs a connection."""
    # Its server takes uvloop by itself where it is installed.
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    host, port = _split(endpoint)
    client: Any = AsyncZeroClient(
        host, port, default_timeout=60_000, protocol=AsyncTCPClient, pool_size=load.inflight
    )
    if load.mode == "call":
        return timed(load, in_tasks(loop, lambda: client.call("echo", TEXT), load.inflight))
    blob = bytes(load.size_bytes)

    async def payload() -> None:
        answer = await client.call("echo_bytes", blob, return_type=bytes)
        assert len(answer) == load.size_bytes

    return timed(load, in_tasks(loop, payload, load.inflight))
