"""The processes that the interoperability tests of one session share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.pairs import Peers


@pytest.fixture(scope="session")
def peers() -> Iterator[Peers]:
    """Return the pool of peer processes; they end with the session."""
    pool = Peers()
    yield pool
    pool.close()
