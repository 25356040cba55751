"""nameko over a RabbitMQ that lives and ends with the server; one worker process on eventlet.

What the server costs is what worker and broker cost together. All settings are nameko's own but
the serializer: 10 calls at once in a worker, messages kept on disk and confirmed by the broker.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import signal
import sys
import time
from types import FrameType
from typing import Any

import eventlet
from nameko.containers import ServiceContainer
from nameko.exceptions import UnknownService
from nameko.rpc import rpc
from nameko.standalone.rpc import ServiceRpcProxy

from benchmarks.peers import rabbitmq
from benchmarks.peers.load import TEXT, Load, Result, in_turn, in_window, side_by_side, timed

_START_SECONDS = 30.0
# Those of one client, each with a connection and a thread; more calls than that share them.
_PROXIES = 100


class EchoService:
    """What the server exposes."""

    name = "bench"

    @rpc  # type: ignore[untyped-decorator]
    def echo(self, value: Any) -> Any:
        """Give back what came."""
        return value


def _config(address: str) -> dict[str, Any]:
    # JSON, which nameko takes unless told, has no bytes; MessagePack is what others here take.
    return {"AMQP_URI": address, "serializer": "msgpack"}


def serve(endpoint: str) -> None:
    """Serve until asked to end; the broker is what listens on the endpoint."""
    signal.signal(signal.SIGTERM, _leave)
    # Eventlet stays out of this process: signals and child processes work as they always do.
    with rabbitmq.running(int(endpoint.rpartition(":")[2])) as address:
        worker = multiprocessing.get_context("fork").Process(target=_work, args=(address,))
        worker.start()
        try:
            worker.join()
        finally:
            worker.kill()
            worker.join()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _work(address: str) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    eventlet.monkey_patch()
    container = ServiceContainer(EchoService, _config(address))
    container.start()
    container.wait()


def measure(endpoint: str, load: Load) -> Result:
    """Be the client of one run, in the modes call and payload."""
    value = TEXT if load.mode == "call" else bytes(load.size_bytes)
    config = _config(endpoint.replace("tcp://", "amqp://guest:guest@"))
    # A proxy waits until the broker confirmed a call before it sends the next, so that calls of
    # several overlap better: twice the rate of one. But to connect each takes some 20 ms.
    count = min(load.inflight, _PROXIES)
    with contextlib.ExitStack() as stack:
        proxies: list[Any] = [
            stack.enter_context(ServiceRpcProxy(EchoService.name, config)) for _ in range(count)
        ]
        _await(proxies[0])
        if load.inflight == 1:
            return timed(load, in_turn(functools.partial(proxies[0].echo, value)))
        begin = [functools.partial(proxy.echo.call_async, value) for proxy in proxies]
        windows = [in_window(each, _collect, load.inflight // count) for each in begin]
        return timed(load, side_by_side(windows))


def _collect(reply: Any) -> Any:
    return reply.result()


def _await(service: Any) -> None:
    # The broker listens a while before the worker has its queue there.
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            service.echo(TEXT)
            return
        except UnknownService:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
