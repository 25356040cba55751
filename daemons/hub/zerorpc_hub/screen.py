"""The tables of `zerorpc-hub top` as lines of text that fit a terminal; sans-IO."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zerorpc_hub.rows import Report, Row, Table

# Below this, columns of numbers would have to go, and names could not be told apart.
LEAST_WIDTH = 80
# The numbers, from the right: whatever is left of the width belongs to the name.
_WIDTHS = (9, 7, 7, 8, 8, 8)
_NOTE_WIDTH = 10
_NUMBERS_WIDTH = sum(_WIDTHS)


def lines(
    daemon: Mapping[str, Any], reports: Sequence[Report], width: int, height: int | None
) -> list[str]:
    """Return the whole picture; rows that do not fit are counted, with `height` None all do."""
    width = max(width, LEAST_WIDTH)
    picture = [head(daemon, width)]
    tables = [table for each in reports for table in each.tables if table.rows]
    summaries = [textwrap.wrap(f"{each.name}: {each.summary}", width) for each in reports]
    # A heading for each table; an empty line before each hub.
    taken = 1 + len(tables) + sum(1 + len(each) for each in summaries)
    shown = iter(_shares([len(table.rows) for table in tables], height and height - taken))
    for report, summary in zip(reports, summaries, strict=True):
        picture += ["", *summary]
        for table in report.tables:
            if table.rows:
                picture += _table(table, next(shown), width)
    return picture if height is None else picture[:height]


def head(daemon: Mapping[str, Any], width: int) -> str:
    """Return the line about the process."""
    state = daemon["phase"] if daemon["phase"] != "running" or daemon["is_ready"] else "not ready"
    lag = duration(daemon["loop_lag_s"]["worst"])
    parts = [f"{daemon['name']} {daemon['version']}", f"pid {daemon['pid']}", state]
    parts += [f"up {age(daemon['uptime_s'])}", f"worst loop lag {lag}"]
    return "  ".join(parts)[:width]


def _shares(wanted: Sequence[int], room: int | None) -> list[int]:
    """Return how many rows each table gets: none more than it has, what is left to the others."""
    if room is None:
        return list(wanted)
    shares = [0] * len(wanted)
    # The shortest first, so that what they leave goes to those that need more.
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    for position, index in enumerate(order):
        fair = max(1, room // (len(order) - position))
        shares[index] = min(wanted[index], fair)
        room -= shares[index]
    return shares


def _table(table: Table, most: int, width: int) -> Iterable[str]:
    name_width = width - _NUMBERS_WIDTH - _NOTE_WIDTH
    titles = _cells(table.titles, table.titles)
    head = f"{table.heading:<{name_width}}{table.note:<{_NOTE_WIDTH}}{titles}"
    yield head.upper().rstrip()
    # The line that says how many are left out takes the place of one.
    is_cut = most < len(table.rows)
    rows = table.rows[: most - 1] if is_cut else table.rows
    for row in rows:
        yield _line(row, table.titles, name_width)
    if is_cut:
        yield f"... {len(table.rows) - len(rows)} more"


def _line(row: Row, titles: Sequence[str], name_width: int) -> str:
    numbers = (
        number(row.rate),
        number(row.errors),
        str(row.flight),
        duration(row.wait),
        duration(row.p50),
        duration(row.p99),
    )
    name = shortened(row.name, name_width - 1)
    return f"{name:<{name_width}}{row.note:<{_NOTE_WIDTH}}{_cells(numbers, titles)}".rstrip()


def _cells(texts: Sequence[str], titles: Sequence[str]) -> str:
    """Return texts in their columns, those without a title left out."""
    return "".join(
        f"{text if title else '':>{width}}"
        for text, title, width in zip(texts, titles, _WIDTHS, strict=True)
    )


# -- single values ---------------------------------------------------------------------------


def shortened(name: str, width: int) -> str:
    """Return a name that fits: its end tells more than its middle, as with addresses."""
    # Names come from callers: what is not printable would move the cursor.
    name = "".join(each if each.isprintable() else "?" for each in name)
    if len(name) <= width:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}~{name[-tail:]}"


def number(value: float) -> str:
    """Return a rate in at most six characters."""
    if value >= 1e5:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 100 or value == 0 else f"{value:.1f}"


def duration(seconds: float | None) -> str:
    """Return a time in at most six characters, with its unit."""
    if seconds is None:
        return "-"
    if seconds <= 1e-6:
        return "<1us"
    for factor, unit in ((1e6, "us"), (1e3, "ms")):
        if seconds * factor < 1000:
            value = seconds * factor
            return f"{value:.1f}{unit}" if 0 < value < 9.95 else f"{value:.0f}{unit}"
    return f"{seconds:.1f}s" if seconds < 100 else age(seconds)


def age(seconds: float) -> str:
    """Return a long time in its two largest units."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
