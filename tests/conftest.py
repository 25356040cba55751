"""Settings of the whole suite."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Deadlines per example measure the machine, not the code: pytest's timeout is the limit.
settings.register_profile("suite", deadline=None, max_examples=100, print_blob=True)
settings.register_profile("quick", settings.get_profile("suite"), max_examples=25)
settings.register_profile(
    "soak",
    settings.get_profile("suite"),
    max_examples=5000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
