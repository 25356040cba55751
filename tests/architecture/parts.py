"""The tables of parts in docs/architecture.md: the one place that says who may import what.

The library has one; each package of `daemons/` has one below a heading that is its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.architecture.source import ROOT

_ROW = re.compile(r"^\| `(\w+)` \| ([^|]+) \| ([^|]*)\| ([^|]*)\|$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One row: a module or package; `holds` is why it has gevent or ZeroMQ."""

    name: str
    purpose: str
    imports: frozenset[str]
    holds: str

    @property
    def is_sans_io(self) -> bool:
        """Whether it must not touch the world."""
        return self.purpose.endswith("sans-IO")


def read(heading: str) -> dict[str, Part]:
    """Return the rows below a heading by name, in the order of the page."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    sections = re.split(r"^#+ +", page, flags=re.MULTILINE)
    return {
        name: Part(name, purpose, frozenset(re.findall(r"`(\w+)`", imports)), holds.strip())
        for section in sections
        if section.partition("\n")[0].strip("` ").startswith(heading)
        for name, purpose, imports, holds in _ROW.findall(section)
    }


PARTS = read("The parts")
