"""How big a scenario is: seconds in the suite, full length in the soak, the same code in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Facts = dict[str, Any]  # what a scenario measured, for the soak's table


@dataclass(frozen=True, slots=True)
class Size:
    """`factor` 1.0 is the soak's length. What takes milliseconds is asserted there only.

    The suite runs beside other work on two cores, so there a scenario asserts the cause (the
    connection broke long before a heartbeat was due) instead of the time it took.
    """

    factor: float

    @property
    def is_measured(self) -> bool:
        """Whether times are asserted too."""
        return self.factor >= 1.0

    def count(self, full: int, least: int) -> int:
        """So many of something that has `full` of it in the soak."""
        return max(least, round(full * self.factor))

    def seconds(self, full: float, least: float) -> float:
        """So long for something that takes `full` seconds in the soak."""
        return max(least, full * self.factor)

    def within(self, seconds: float, limit: float, what: str) -> None:
        """Assert a time where times are asserted."""
        assert not self.is_measured or seconds <= limit, f"{what}: {seconds:.4g}, not {limit:.4g}"


SUITE = Size(0.02)
