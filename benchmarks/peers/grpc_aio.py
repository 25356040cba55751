"""grpcio on asyncio at both ends; generic handlers, MessagePack bodies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from benchmarks.peers.grpc_sync import OPTIONS, SERVICE, STUB_CODEC, address, handlers
from benchmarks.peers.load import TEXT, Load, Result, in_tasks, timed


async def _echo(value: Any, _: Any) -> Any:
    return value


async def _count(items: int, _: Any) -> AsyncIterator[str]:
    for _index in range(items):
        yield TEXT


def serve(endpoint: str) -> None:
    """Serve until killed."""
    asyncio.run(_serve(endpoint))


async def _serve(endpoint: str) -> None:
    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers((handlers(_echo, _count),))
    server.add_insecure_port(address(endpoint))
    await server.start()
    await server.wait_for_termination()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call, stream and payload."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    channel = grpc.aio.insecure_channel(address(endpoint), options=OPTIONS)
    echo: Any = channel.unary_unary(f"/{SERVICE}/echo", **STUB_CODEC)
    count: Any = channel.unary_stream(f"/{SERVICE}/count", **STUB_CODEC)

    async def consume() -> None:
        async for _ in count(load.items):
            pass

    async def first() -> None:
        await echo(TEXT, wait_for_ready=True)

    loop.run_until_complete(first())
    if load.mode == "stream":
        return timed(load, in_tasks(loop, consume, 1), load.items)
    value = TEXT if load.mode == "call" else bytes(load.size_bytes)
    return timed(load, in_tasks(loop, lambda: echo(value), load.inflight))
