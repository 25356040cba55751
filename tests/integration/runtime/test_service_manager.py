"""What a service manager, a probe and a log's reader see of a running daemon, at their worst."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.run_page import free_port
from tests.integration.faults.processes import PATIENCE, wait_until
from tests.integration.runtime.running import COMMAND, ask, running
from tests.programs import ROOT

WATCHDOG_S = 1.5


class Manager:
    """The socket on which a service manager hears its services."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)

    def hear(self) -> dict[str, str]:
        """Return the next thing said."""
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().split("\n"))

    def hear_until(self, key: str) -> list[dict[str, str]]:
        """Return what is said up to the first message with a key."""
        heard = [self.hear()]
        while key not in heard[-1]:
            heard.append(self.hear())
        return heard

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


@contextmanager
def listening(address: str) -> Iterator[Manager]:
    manager = Manager(address)
    try:
        yield manager
    finally:
        manager.close()


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_a_life_as_systemd_hears_it(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@mill-{os.getpid()}"
    with listening(address) as manager, running(tmp_path, NOTIFY_SOCKET=address) as daemon:
        assert manager.hear() == {"READY": "1", "STATUS": "0 jobs"}
        daemon.do("begin", name="rye")
        assert manager.hear() == {"STATUS": "1 jobs"}
        daemon.signal(signal.SIGHUP)
        reloading = manager.hear()
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert manager.hear() == {"READY": "1", "STATUS": "1 jobs"}
        daemon.signal(signal.SIGTERM)
        stopping = manager.hear()
        assert stopping["STOPPING"] == "1"
        assert int(stopping["EXTEND_TIMEOUT_USEC"]) == 25_000_000
        daemon.do("finish", name="rye")
        assert daemon.wait() == 0


def test_who_ails_is_restarted_and_who_does_not_is_left_alone(tmp_path: Path) -> None:
    """The watchdog is fed from the loop that serves, and not by one that says it is ill."""
    address = str(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}
    with listening(address) as manager, running(tmp_path, **environment) as daemon:
        manager.hear_until("WATCHDOG")
        assert daemon.ask("/healthz").status == 200
        daemon.do("ail", reason="stones are broken")
        answered = daemon.ask("/healthz")
        assert (answered.status, answered.value) == (503, {"status": "stones are broken"})
        # Each change of the status is told by the same pulse that would feed the watchdog.
        daemon.do("begin", name="rye")
        manager.hear_until("STATUS")
        daemon.do("begin", name="oat")
        assert manager.hear() == {"STATUS": "2 jobs"}
        daemon.do("ail")
        assert daemon.ask("/healthz").status == 200
        manager.hear_until("WATCHDOG")


def test_nobody_reads_the_log(tmp_path: Path) -> None:
    """A pipe that is full costs lines, and neither the service nor its end."""
    admin = f"127.0.0.1:{free_port()}"
    file = tmp_path / "mill.yml"
    file.write_text(f"admin: {{bind: '{admin}'}}\nlog: {{level: debug, format: json}}\n")
    popen = subprocess.Popen([*COMMAND, str(file)], stderr=subprocess.PIPE, cwd=ROOT)
    assert popen.stderr is not None
    try:
        wait_until(lambda: is_up(admin), "the admin port answers")
        for _ in range(3):
            assert ask(admin, "/whisper?times=5000&size=500", "POST").status == 200
        log = ask(admin, "/stats").value["daemon"]["log"]
        assert log["dropped"] >= 4_000
        assert log["written"] < 5_000
        popen.send_signal(signal.SIGTERM)
        # Two seconds are given to a reader that is merely slow.
        assert popen.wait(PATIENCE) == 0
    finally:
        popen.kill()
        popen.wait()
        popen.stderr.close()


def is_up(admin: str) -> bool:
    try:
        return ask(admin, "/readyz").status == 200
    except OSError:
        return False
