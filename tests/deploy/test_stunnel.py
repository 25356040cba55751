"""stunnel before a hub: stock peers with a certificate get through unmodified, others do not."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.running import DEPLOY, adapted, await_port, running
from tests.docs.run_page import free_port
from tests.integration.hub.process import HubProcess
from tests.integration.running import PATIENCE, wait_until
from tests.interop.peer_process import STOCK_COMMAND, STOCK_PYTHON, environment
from tests.interop.peer_process import require as require_peer
from tests.programs import require

NAME = "hub.example.com"
TLS = "/etc/zerorpc/tls"


@dataclass(frozen=True)
class Tunnel:
    """Ports of the tunnel's ends: of TLS, and of those beside the peers."""

    tls: int
    clients: int
    workers: int
    authority: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority and what it signed for the hub's side and the peers'."""
    openssl = require("openssl")
    folder = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]

    def make(name: str, subject: str, *more: str) -> None:
        files = ["-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={subject}"]
        words = [openssl, "req", "-x509", *key, *files, *more]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)

    make("ca", "test authority")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE"]
    make("server", NAME, *signed, "-addext", f"subjectAltName=DNS:{NAME}")
    make("peer", "a peer", *signed)
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubProcess]:
    """A hub that only this machine can reach."""
    with HubProcess(tmp_path) as hub:
        yield hub


@pytest.fixture
def tunnel(hub: HubProcess, certificates: Path, tmp_path: Path) -> Iterator[Tunnel]:
    """Both ends of deploy/stunnel, nothing changed but ports and paths."""
    stunnel = require("stunnel")
    ports = [free_port() for _ in range(4)]
    tls_clients, tls_workers, clients, workers = ports
    paths = {TLS: str(certificates)}
    ours = {
        "0.0.0.0:11111": f"127.0.0.1:{tls_clients}",
        "0.0.0.0:12222": f"127.0.0.1:{tls_workers}",
        "127.0.0.1:1111": hub.endpoint("in").removeprefix("tcp://"),
        "127.0.0.1:2222": hub.endpoint("out").removeprefix("tcp://"),
    }
    theirs = {
        f"{NAME}:11111": f"127.0.0.1:{tls_clients}",
        f"{NAME}:12222": f"127.0.0.1:{tls_workers}",
        "127.0.0.1:1111": f"127.0.0.1:{clients}",
        "127.0.0.1:2222": f"127.0.0.1:{workers}",
    }
    with ExitStack() as stack:
        for name, changes in (("server", ours), ("peer", theirs)):
            file = adapted(DEPLOY / "stunnel" / f"{name}.conf", {**changes, **paths}, tmp_path)
            stack.enter_context(running(stunnel, str(file), folder=tmp_path))
        for port in ports:
            await_port(port)
        yield Tunnel(tls_clients, clients, workers, certificates / "ca.pem")


def test_stock_peers_call_through_it(hub: HubProcess, tunnel: Tunnel, tmp_path: Path) -> None:
    require_peer("stock")
    worker = [str(STOCK_COMMAND), "--server", f"tcp://127.0.0.1:{tunnel.workers}", "urllib.parse"]
    with running(*worker, folder=tmp_path):
        hub.await_workers(1)
        # Its command cannot print a result on today's Python; its client can.
        call = f"zerorpc.Client('tcp://127.0.0.1:{tunnel.clients}').quote('hello pycon')"
        called = subprocess.run(
            [str(STOCK_PYTHON), "-c", f"import zerorpc; print({call})"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=environment(),
            check=False,
        )
    assert "hello%20pycon" in called.stdout, called.stderr
    assert hub.statistics()["by_method"]["quote"]["calls"]["answered"] == 1


def test_nobody_gets_in_without_a_certificate(hub: HubProcess, tunnel: Tunnel) -> None:
    # What looked whether the peers' ends were up has come through, and is gone again.
    wait_until(lambda: hub.statistics()["closed"] == {"never_spoke": 2}, "only probes came")
    context = ssl.create_default_context(cafile=str(tunnel.authority))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        knock(tunnel.tls, context)
    statistics = hub.statistics()
    assert (statistics["connections"], statistics["closed"]) == (0, {"never_spoke": 2})


def knock(port: int, context: ssl.SSLContext) -> None:
    """Begin to speak ZMTP over TLS; raises what comes of it."""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname=NAME) as wrapped,
    ):
        # In TLS 1.3 the client is done first, and hears of the refusal with what it reads.
        wrapped.sendall(b"\xff\0\0\0\0\0\0\0\x01\x7f")
        if not wrapped.recv(64):
            raise ConnectionResetError("hung up on")
