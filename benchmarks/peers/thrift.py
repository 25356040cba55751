"""thriftpy2 with its Cython protocol: threaded server, a connection and thread per open call."""

from __future__ import annotations

import functools
import io
from typing import Any

import thriftpy2
from thriftpy2.protocol import TCyBinaryProtocolFactory
from thriftpy2.rpc import make_client, make_server
from thriftpy2.transport import TCyBufferedTransportFactory

from benchmarks.peers.load import (
    TEXT,
    Load,
    Result,
    in_threads,
    in_turn,
    timed,
)

_IDL = "service Bench { string echo(1: string value) binary echo_bytes(1: binary value) }"
_bench = thriftpy2.load_fp(io.StringIO(_IDL), "bench_thrift")


class Service:
    """What the server exposes: one echo per type, as Thrift wants it."""

    def echo(self, value: str) -> str:
        """Give back what came."""
        return value

    def echo_bytes(self, value: bytes) -> bytes:
        """Give back what came."""
        return value


def _where(endpoint: str) -> dict[str, Any]:
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    return {
        "host": host,
        "port": int(port),
        "proto_factory": TCyBinaryProtocolFactory(),
        "trans_factory": TCyBufferedTransportFactory(),
    }


def serve(endpoint: str) -> None:
    """Serve until killed."""
    make_server(_bench.Bench, Service(), client_timeout=None, **_where(endpoint)).serve()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call and payload."""
    calls = [_call(endpoint, load) for _ in range(load.inflight)]
    return timed(load, in_turn(calls[0]) if load.inflight == 1 else in_threads(calls))


def _call(endpoint: str, load: Load) -> Any:
    client = make_client(_bench.Bench, timeout=60_000, **_where(endpoint))
    if load.mode == "call":
        return functools.partial(client.echo, TEXT)
    return functools.partial(client.echo_bytes, bytes(load.size_bytes))
