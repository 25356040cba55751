"""Runs a RabbitMQ for as long as one peer needs it, and leaves nothing of it behind.

It has nothing to do with a RabbitMQ that the machine may serve others with: it listens on
free ports of 127.0.0.1, with a port mapper of its own, and its data go with it.
Standard library only: this runs under the interpreter of any peer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

# Not the command in the path: Debian's changes to the system's user, folders and log.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_LOOPBACK = "127.0.0.1"
_START_SECONDS = 60.0
# What it may take to close its listeners and its database.
_STOP_SECONDS = 20.0


@contextlib.contextmanager
def running(port: int) -> Iterator[str]:
    """Run a broker on a port of 127.0.0.1, and give its address once it listens."""
    with tempfile.TemporaryDirectory(prefix="bench-rabbitmq-") as folder:
        mapper_port = _free_port()
        environment = {**os.environ, **settings(Path(folder), port, mapper_port, _free_port())}
        # Erlang starts a port mapper that outlives it, unless there is one on that port already.
        with (
            _ended(["epmd", "-address", _LOOPBACK, "-port", str(mapper_port)], environment) as epmd,
            _ended([str(SERVER)], environment) as broker,
        ):
            _await(mapper_port, epmd)
            _await(port, broker)
            yield f"amqp://guest:guest@{_LOOPBACK}:{port}"


def settings(folder: Path, port: int, mapper_port: int, distribution_port: int) -> dict[str, str]:
    """Give the environment that keeps a broker inside a folder and on the loopback interface."""
    return {
        "HOME": str(folder),  # where Erlang keeps its cookie
        "ERL_EPMD_ADDRESS": _LOOPBACK,
        "ERL_EPMD_PORT": str(mapper_port),
        # The settings of the machine's own broker are not for this one.
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_NODENAME": f"bench{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": _LOOPBACK,
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
    }


@contextlib.contextmanager
def _ended(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((_LOOPBACK, port), 1):
            return
        time.sleep(0.05)
    sys.exit(f"{process.args!r} does not listen on port {port}")


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
