"""Rows of text and numbers as an aligned table, for terminals and for Markdown alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A title, the names of the columns, and the rows; None is a cell that was not measured."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def render(self) -> str:
        """Give the table as Markdown whose columns also line up in a terminal."""
        texts = [list(self.columns), *([show(cell) for cell in row] for row in self.rows)]
        widths = [max(3, *(len(line[i]) for line in texts)) for i in range(len(self.columns))]
        is_text = [self._is_text(i) for i in range(len(self.columns))]
        lines = [_line(line, widths, is_text) for line in texts]
        rule = _line(
            [_rule(*column) for column in zip(widths, is_text, strict=True)], widths, is_text
        )
        return "\n".join([f"**{self.title}**", "", lines[0], rule, *lines[1:]])

    def _is_text(self, column: int) -> bool:
        return any(isinstance(row[column], str) for row in self.rows)


def show(cell: Cell) -> str:
    """Give a cell as text, with the digits that a figure measured here deserves."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if abs(cell) >= 100 or cell == int(cell):
        return f"{cell:,.0f}"
    return f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def _rule(width: int, is_text: bool) -> str:
    return "-" * width if is_text else "-" * (width - 1) + ":"


def _line(cells: Sequence[str], widths: Sequence[int], is_text: Sequence[bool]) -> str:
    columns = zip(cells, widths, is_text, strict=True)
    aligned = [cell.ljust(width) if left else cell.rjust(width) for cell, width, left in columns]
    return "| " + " | ".join(aligned) + " |"
