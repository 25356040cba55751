"""The servers that several of these tests only ask things of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cli.commands import serving


@pytest.fixture(scope="module")
def parse() -> Iterator[str]:
    """The endpoint of a server of urllib.parse."""
    with serving("urllib.parse") as server:
        yield server.endpoint


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The endpoint of a server of `services.Service`."""
    with serving("services.Service") as server:
        yield server.endpoint
