"""What a hub counts: plain numbers that only grow, and histograms of fixed buckets.

Sans-IO. Rates are made by whoever reads twice; the hot path adds to integers and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from operator import add

# Two to each doubling of time, in microseconds: bucket b holds what takes less than 2**(b/2) us.
_BUCKETS = 128


class Counters:
    """What became of the calls of one worker, one method or one endpoint.

    `opened` calls were accepted; each ends as one of `answered` (of which `errors` by an ERR of the
    worker), `failed` (the hub answered) and `cancelled` (the client closed it or is gone).
    """

    __slots__ = ("answered", "cancelled", "errors", "failed", "opened", "retried")

    def __init__(self) -> None:
        self.opened = self.answered = self.errors = self.failed = self.cancelled = self.retried = 0

    def plain(self) -> dict[str, int]:
        """Return them by name."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, plain: Mapping[str, int]) -> Counters:
        """Return counters that say what `plain` of others said."""
        counters = cls()
        for name in cls.__slots__:
            setattr(counters, name, plain[name])
        return counters

    def add(self, other: Counters) -> None:
        """Add what others count."""
        self.opened += other.opened
        self.answered += other.answered
        self.errors += other.errors
        self.failed += other.failed
        self.cancelled += other.cancelled
        self.retried += other.retried

    @property
    def open(self) -> int:
        """How many calls have not ended."""
        return self.opened - self.answered - self.failed - self.cancelled


class Method:
    """The calls of one method; knows also what the policy says about it.

    `pool` names the one that it is for, `pool_index` is where that is.
    """

    __slots__ = ("counters", "is_idempotent", "latency", "name", "pool", "pool_index", "wait")

    def __init__(
        self, name: bytes, pool_index: int, *, is_idempotent: bool, pool: str = ""
    ) -> None:
        self.name = name.decode("utf-8", "replace")
        self.pool = pool
        self.pool_index = pool_index
        self.is_idempotent = is_idempotent
        self.counters = Counters()
        self.latency = histogram()
        self.wait = histogram()


class Traffic:
    """What went through a hub in all; `dropped` and `refused` count by reason."""

    __slots__ = ("calls", "dropped", "from_clients", "from_workers", "refused")

    def __init__(self) -> None:
        self.from_clients = self.from_workers = 0
        self.calls = Counters()
        self.dropped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()


def histogram() -> list[int]:
    """Return an empty histogram."""
    return [0] * _BUCKETS


def add_up(into: list[int], counts: list[int]) -> None:
    """Add what one histogram counts to another."""
    into[:] = map(add, into, counts)


def bucket_of(seconds: float) -> int:
    """Return the bucket that counts something which took so long."""
    microseconds = int(seconds * 1e6)
    # The square has two bits for each of the number: half a doubling a bucket, without a logarithm.
    return (microseconds * microseconds).bit_length()


def bound_of(bucket: int) -> float:
    """Return the time in seconds below which everything in a bucket and those before it took."""
    return float(2 ** (bucket / 2)) / 1e6


def quantile(counts: list[int], fraction: float) -> float | None:
    """Return the time that this fraction did not exceed, as its bucket's bound; None if empty."""
    wanted = sum(counts) * fraction
    seen = 0
    for bucket, count in enumerate(counts):
        seen += count
        if count and seen >= wanted:
            return bound_of(bucket)
    return None
