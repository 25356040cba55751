"""What is remembered of workers that are gone, for when they come back; sans-IO.

A worker that hangs up and connects anew is a new one to all others: here its failures outlive its
connection. Bounded in number and in time.
"""

from __future__ import annotations

from dataclasses import dataclass

# Of the last so many that have failed ...
_MOST = 1000
# ... for so long (seconds) after they went, or after the end of their ejection.
_KEPT_S = 600.0


@dataclass(frozen=True, slots=True)
class Record:
    """How a worker has failed: in a row, how often it was ejected for that, and until when."""

    failures: int
    ejections: int
    until: float
    left: float


class Records:
    """Records by what a worker is recognised by: one for each, the oldest first."""

    def __init__(self) -> None:
        self._kept: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, who: str, record: Record) -> None:
        """Remember one that goes; of several that cannot be told apart, the worst."""
        other = self._kept.pop(who, None)
        if other is not None and _rank(other) > _rank(record):
            record = other
        self._kept[who] = record
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]

    def take(self, who: str, now: float) -> Record | None:
        """Return what is known of one that comes, which then has it alone."""
        record = self._kept.pop(who, None)
        if record is None or now > max(record.left, record.until) + _KEPT_S:
            return None
        return record


def _rank(record: Record) -> tuple[float, int, int]:
    return record.until, record.failures, record.ejections
