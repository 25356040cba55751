"""Two looks at a hub's statistics become the rows of a table: rates, and what calls took lately.

Sans-IO. Rates of what `/stats` itself says are those of some seconds; here they are exactly those
between two looks, and so are the percentiles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Plain = Mapping[str, Any]
Buckets = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: of an endpoint, a worker, a method, or another kind of peer.

    `note` is its state or how many peers it has, None where there is nothing to tell of `wait`,
    `p50` and `p99` (seconds).
    """

    name: str
    note: str
    rate: float
    errors: float
    flight: int
    wait: float | None = None
    p50: float | None = None
    p99: float | None = None


# What the numbers of a row are called, in their order; those without a name mean nothing.
OF_CALLS = ("calls/s", "err/s", "flight", "wait99", "p50", "p99")
OF_MESSAGES = ("msgs/s", "lost/s", "", "", "", "")
OF_NOTHING = ("",) * len(OF_CALLS)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind."""

    heading: str
    note: str
    rows: Sequence[Row]
    titles: tuple[str, ...] = OF_CALLS


@dataclass(frozen=True, slots=True)
class Report:
    """One hub between two looks: a sentence about it, and its tables."""

    name: str
    summary: str
    tables: Sequence[Table]

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "summary": self.summary,
            **{f"{each.heading}s": [asdict(row) for row in each.rows] for each in self.tables},
        }


SORT_KEYS = ("rate", "errors", "flight", "wait", "p50", "p99", "name")


def ordered(rows: Iterable[Row], key: str) -> list[Row]:
    """Return rows by a key: names from the first, numbers from the largest."""
    by_name = sorted(rows, key=lambda row: row.name)
    if key == "name":
        return by_name
    # What is unknown comes last, and equals stay in the order of their names.
    return sorted(by_name, key=lambda row: getattr(row, key) or 0.0, reverse=True)


def report(name: str, now: Plain, before: Plain, seconds: float, sort: str) -> Report:
    """Return what happened at a hub between two looks; `before` may be empty."""
    if now["type"] == "queue":
        return _of_calls(name, now, before, seconds, sort)
    return _of_messages(name, now, before, seconds, sort)


def _of_calls(name: str, now: Plain, before: Plain, seconds: float, sort: str) -> Report:
    whole = _row("", "", now, before, seconds)
    # One that a reload has closed still counts in the sums, but nobody watches it.
    open_endpoints = {*now["in"], *now["out"]}
    tables = []
    for heading, note in (("endpoint", "peers"), ("worker", "state"), ("method", "")):
        rows, old = now[f"by_{heading}"], before.get(f"by_{heading}", {})
        made = [
            _row(each, str(_note(row, note)), row, old.get(each, {}), seconds)
            for each, row in rows.items()
            if heading != "endpoint" or row["peers"] or each in open_endpoints
        ]
        tables.append(Table(heading, note, ordered(made, sort)))
    # Each pool has a queue of its own.
    limit = sum(pool["queue_max"] for pool in now["pools"].values())
    summary = (
        f"{count(now['clients'], 'client')}, {count(now['workers'], 'worker')}, "
        f"{whole.flight} in flight, {now['queued']}/{limit} queued, "
        f"{whole.rate:.0f} calls/s, {whole.errors:.0f} err/s"
    )
    return Report(name, summary, tables)


def _note(row: Plain, note: str) -> Any:
    if note == "peers":
        return f"{row['side']} {row['peers']}"
    return row.get(note, "")


def _row(name: str, note: str, now: Plain, before: Plain, seconds: float) -> Row:
    calls, old = now["calls"], before.get("calls", {})
    # What the hub itself had to answer is an error to its caller as well.
    failed = sum(_grown(calls, old, key) for key in ("errors", "failed"))
    latency = _lately(now, before, "latency")
    return Row(
        name,
        note,
        _grown(calls, old, "opened") / seconds,
        failed / seconds,
        now["in_flight"],
        quantile(_lately(now, before, "wait"), 0.99) if "wait" in now else None,
        quantile(latency, 0.5),
        quantile(latency, 0.99),
    )


def _of_messages(name: str, now: Plain, before: Plain, seconds: float, sort: str) -> Report:
    endpoints = [
        Row(each, _note(row, "peers"), 0.0, 0.0, 0) for each, row in now["by_endpoint"].items()
    ]
    kind, source = ("puller", "pusher") if "pullers" in now else ("subscriber", "publisher")
    old = before.get(f"by_{kind}", {})
    peers = [
        Row(
            each,
            "",
            _grown(row, old.get(each, {}), "sent") / seconds,
            _grown(row, old.get(each, {}), "missed") / seconds,
            0,
        )
        for each, row in now[f"by_{kind}"].items()
    ]
    tables = [
        Table("endpoint", "peers", endpoints, OF_NOTHING),
        Table(kind, "", ordered(peers, sort), OF_MESSAGES),
    ]
    messages, earlier = now["messages"], before.get("messages", {})
    rates = {side: _grown(messages, earlier, side) / seconds for side in ("in", "out")}
    summary = (
        f"{count(now[f'{source}s'], source)}, {count(now[f'{kind}s'], kind)}, "
        f"{rates['in']:.0f} messages/s in, {rates['out']:.0f} out"
    )
    if "queued" in now:
        summary += f", {now['queued']}/{now['queue_max']} queued"
    return Report(name, summary, tables)


def count(number: int, noun: str) -> str:
    """Return how many there are of something."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


# -- differences -----------------------------------------------------------------------------


def _grown(now: Plain, before: Plain, key: str) -> int:
    # Less than before: the hub was started anew, and everything is since then.
    grown = now.get(key, 0) - before.get(key, 0)
    return int(grown if grown >= 0 else now[key])


def _lately(now: Plain, before: Plain, key: str) -> Buckets:
    old = dict(map(tuple, before.get(key, {}).get("buckets", ())))
    return [
        (bound, grown) for bound, n in now[key]["buckets"] if (grown := n - old.get(bound, 0)) > 0
    ]


def quantile(buckets: Buckets, fraction: float) -> float | None:
    """Return the bound that this fraction did not exceed, None where nothing was counted."""
    wanted = fraction * sum(n for _, n in buckets)
    seen = 0.0
    for bound, n in buckets:
        seen += n
        if seen >= wanted:
            return bound
    return None
