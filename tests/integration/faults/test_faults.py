"""Every fault at the size of the suite; `make soak` runs the same at full length."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.faults.size import SUITE, Facts, Size
from tests.soak.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_fault(scenario: Callable[[Size], Facts]) -> None:
    scenario(SUITE)
