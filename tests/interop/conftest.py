"""The processes that the interoperability tests of one session share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Before anything imports them, so that their assertions tell the values too.
for _name in ("calls", "command_line", "introspection", "losses", "oneway", "streams"):
    pytest.register_assert_rewrite(f"tests.interop.{_name}")

from tests.interop.pairs import Peers  # noqa: E402
from tests.interop.through_hub import HubPeers  # noqa: E402


@pytest.fixture(scope="session")
def peers() -> Iterator[Peers]:
    """Return the pool of peer processes; they end with the session."""
    pool = Peers()
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def hub_peers() -> Iterator[HubPeers]:
    """Return a pool whose peers have a hub between them."""
    pool = HubPeers()
    yield pool
    pool.close()
