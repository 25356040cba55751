"""Every fault at the size of the suite; `make soak` runs the same at full length."""

from __future__ import annotations

import signal
from collections.abc import Callable

import gevent
import pytest

from tests.integration.faults.client_faults import guess_ids, predictable_ids
from tests.integration.faults.processes import Process
from tests.integration.faults.size import SUITE, Facts, Size
from tests.soak.scenarios import SCENARIOS


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_fault(scenario: Callable[[Size], Facts]) -> None:
    scenario(SUITE)


def test_the_guesses_do_end_a_process_that_seeds_nothing() -> None:
    with Process("unseeded", "serve") as victim:
        endpoint = victim.hear()["endpoint"]
        guessing = gevent.spawn(guess_ids, endpoint, predictable_ids()[0], 3)
        assert victim.wait() == -signal.SIGABRT, victim.errors
        guessing.kill()
