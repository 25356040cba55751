"""Tells systemd, or whoever set NOTIFY_SOCKET, how the process is: the protocol of sd_notify.

A datagram a message, sent without waiting and without an answer. Where nobody listens nothing
happens: the same daemon runs in a terminal.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping


def message(**fields: str | int) -> bytes:
    """Return the datagram that says these, by their names in lower case."""
    # A line is a field: a status with line ends would be more fields than it is.
    lines = (f"{name.upper()}={' '.join(str(value).split())}" for name, value in fields.items())
    return "\n".join(lines).encode()


class Notifier:
    """Speaks to the service manager that `environment` names."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._status = ""
        self._socket: socket.socket | None = None
        self.watchdog_s = _watchdog(environment, pid)
        if self._path.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    def ready(self, status: str) -> None:
        """Say that it serves, after a start as after a reload."""
        self._status = status
        self._send(ready=1, status=status)

    def reloading(self) -> None:
        """Say that a new configuration is being read; `ready` is to follow."""
        # systemd takes it for this reload's only if the time is not before its own signal.
        self._send(reloading=1, monotonic_usec=time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)

    def stopping(self, timeout: float) -> None:
        """Say that it drains, for at most so many seconds."""
        self._send(stopping=1, extend_timeout_usec=int((timeout + 5) * 1_000_000))

    def status(self, status: str) -> None:
        """Say in a line how it is; what was said last is not said again."""
        if status != self._status:
            self._status = status
            self._send(status=status)

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog_s is not None:
            self._send(watchdog=1)

    def close(self) -> None:
        """Say no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, **fields: str | int) -> None:
        if self._socket is None:
            return
        # An abstract socket is written with @ and addressed with a zero byte.
        address = f"\0{self._path[1:]}" if self._path.startswith("@") else self._path
        try:
            self._socket.sendto(message(**fields), address)
        except OSError:
            return  # gone or full: there is nobody else to tell, and the next one may get through


def _watchdog(environment: Mapping[str, str], pid: int) -> float | None:
    """Return after how many seconds of silence we are taken for dead, None if never."""
    is_ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
    microseconds = environment.get("WATCHDOG_USEC", "")
    if not is_ours or not microseconds.isdigit() or int(microseconds) == 0:
        return None
    return int(microseconds) / 1_000_000
