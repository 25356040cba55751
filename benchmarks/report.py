"""What a benchmark has to say: tables, notes, and claims that are met or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.table import Table, show


@dataclass(frozen=True, slots=True)
class Claim:
    """A target: `measured` must be at least `bound`, or at most if it is a ceiling."""

    text: str
    measured: float | None
    bound: float
    stretch: float | None = None
    unit: str = "x"
    is_ceiling: bool = False

    def is_met(self) -> bool:
        """Tell whether the target was reached; what was not measured was not."""
        return self._holds(self.bound)

    def verdict(self) -> str:
        """Say it in a word or two."""
        if self.measured is None:
            return "not measured"
        if self.stretch is not None and self._holds(self.stretch):
            return "met, stretch too"
        return "met" if self.is_met() else "NOT met"

    def limit(self) -> str:
        """Give the bound as text, such as `>= 3 x`."""
        return self._limit(self.bound)

    def row(self) -> list[str]:
        """Give the claim as a row of the summary."""
        measured = "-" if self.measured is None else f"{show(self.measured)} {self.unit}"
        stretch = "-" if self.stretch is None else self._limit(self.stretch)
        return [self.text, measured, self.limit(), stretch, self.verdict()]

    def _limit(self, bound: float) -> str:
        return f"{'<=' if self.is_ceiling else '>='} {show(bound)} {self.unit}"

    def _holds(self, bound: float) -> bool:
        if self.measured is None:
            return False
        return self.measured <= bound if self.is_ceiling else self.measured >= bound


@dataclass(slots=True)
class Report:
    """One benchmark's outcome; `failures` are runs that did not come to an end."""

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def render(self) -> str:
        """Give the report as Markdown."""
        parts = [f"## {self.name}: {self.title}"]
        parts += [table.render() for table in self.tables]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts += [f"FAILED: {failure}" for failure in self.failures]
        return "\n\n".join(parts)


def summary(reports: Sequence[Report]) -> Table:
    """Give one table of all claims: measured, target, and whether it is met."""
    rows = [[report.name, *claim.row()] for report in reports for claim in report.claims]
    columns = ["", "claim", "measured", "target", "stretch", "verdict"]
    return Table("Targets", columns, rows)
