"""What systemd is told, to the byte."""

from __future__ import annotations

import pytest

from zerorpc_daemon.notify import Notifier, message


def test_fields_are_lines_and_values_cannot_add_some() -> None:
    assert message(ready=1, status="3 workers\nREADY=0") == b"READY=1\nSTATUS=3 workers READY=0"


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_ours_or_nobody_s(
    environment: dict[str, str], watchdog_s: float | None
) -> None:
    assert Notifier(environment, 7).watchdog_s == watchdog_s


@pytest.mark.parametrize("path", ["", "relative", "vsock:2:1", "/nowhere/notify"])
def test_where_nobody_listens_nothing_happens(path: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": path}, 7)
    notifier.ready("fine")
    notifier.close()
