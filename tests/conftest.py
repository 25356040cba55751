"""Settings of the whole suite."""

from __future__ import annotations

import os
import signal

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

# A shell ignores Ctrl-C in what it starts in the background, and that would be inherited by every
# program that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
