"""grpcio with its thread pool server and blocking stubs; generic handlers, MessagePack bodies."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import msgpack

from benchmarks.peers.load import (
    TEXT,
    Load,
    Result,
    in_threads,
    in_turn,
    timed,
)

SERVICE = "bench"
CODEC: dict[str, Any] = {
    "request_deserializer": msgpack.unpackb,
    "response_serializer": msgpack.packb,
}
STUB_CODEC: dict[str, Any] = {
    "request_serializer": msgpack.packb,
    "response_deserializer": msgpack.unpackb,
}
# The default limit of 4 MiB would do, but a limit is no part of what is measured.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def address(endpoint: str) -> str:
    """Give the `host:port` of an endpoint, which is how gRPC names it."""
    return endpoint.removeprefix("tcp://")


def _echo(value: Any, _: Any) -> Any:
    return value


def _count(items: int, _: Any) -> Iterator[str]:
    for _index in range(items):
        yield TEXT


def handlers(echo: Callable[..., Any], count: Callable[..., Any]) -> Any:
    """Make the generic handler of both methods, for the threaded and for the asyncio server."""
    methods: dict[str, Any] = {
        "echo": grpc.unary_unary_rpc_method_handler(echo, **CODEC),
        "count": grpc.unary_stream_rpc_method_handler(count, **CODEC),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def serve(endpoint: str) -> None:
    """Serve until killed."""
    server = grpc.server(ThreadPoolExecutor(max_workers=10), options=OPTIONS)
    server.add_generic_rpc_handlers((handlers(_echo, _count),))
    server.add_insecure_port(address(endpoint))
    server.start()
    server.wait_for_termination()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call, stream and payload."""
    channel = grpc.insecure_channel(address(endpoint), options=OPTIONS)
    echo: Any = channel.unary_unary(f"/{SERVICE}/echo", **STUB_CODEC)
    count: Any = channel.unary_stream(f"/{SERVICE}/count", **STUB_CODEC)
    echo(TEXT, wait_for_ready=True)
    if load.mode == "stream":
        return timed(load, in_turn(lambda: _consume(count(load.items))), load.items)
    value = TEXT if load.mode == "call" else bytes(load.size_bytes)
    call = functools.partial(echo, value)
    return timed(load, in_turn(call) if load.inflight == 1 else in_threads([call] * load.inflight))


def _consume(stream: Any) -> None:
    for _ in stream:
        pass
