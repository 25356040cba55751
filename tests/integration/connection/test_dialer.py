"""Connecting again and again: what is told of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.integration.connection.ends import Ear, place
from tests.integration.running import wait_until
from zerorpc.connection import Dialer, dialer
from zerorpc.connection.address import Address
from zerorpc.errors import EndpointError
from zerorpc.zmtp import Session


def test_a_dialer_tells_once_that_nobody_knows_a_host(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    tries = Counter[str]()

    def unknown(address: Address) -> Any:
        tries["all"] += 1
        raise EndpointError(f"cannot resolve {address.host}")

    monkeypatch.setattr(Address, "resolve", unknown)
    monkeypatch.setattr(dialer, "_RETRY_S", 0.001)
    monkeypatch.setattr(dialer, "_RETRY_MAX_S", 0.001)
    endpoint = "tcp://nobody.invalid:1"
    with place() as here:
        dialling = Dialer(here.board, Ear(), endpoint, lambda: Session("DEALER"), here.patience)
        wait_until(lambda: tries["all"] > 2, "it tries again")
        dialling.close()
    assert caplog.text.count("cannot resolve nobody.invalid") == 1
    # Neither does gevent tell, in its own way, of what its threads raise.
    assert "Traceback" not in caplog.text + capfd.readouterr().err
