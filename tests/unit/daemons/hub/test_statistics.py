"""Histograms whose buckets hold what they say, and quantiles read off them."""

from __future__ import annotations

import pytest

from zerorpc_hub.statistics import Counters, bound_of, bucket_of, histogram, quantile

TIMES = [0.0, 1e-6, 3e-6, 0.000145, 0.001, 0.01, 0.5, 1.0, 30.0, 3600.0, 1e9]


@pytest.mark.parametrize("seconds", TIMES)
def test_each_time_is_below_the_bound_of_its_bucket_and_not_below_the_one_before(
    seconds: float,
) -> None:
    bucket = bucket_of(seconds)
    assert bucket < len(histogram())
    assert seconds < bound_of(bucket)
    # To the microsecond, in which they are counted.
    assert bucket == 0 or seconds >= bound_of(bucket - 1) - 1e-6


def test_two_buckets_to_each_doubling() -> None:
    assert bucket_of(0.002) - bucket_of(0.001) == 2
    assert bound_of(20) == pytest.approx(2 * bound_of(18))


def test_longer_never_counts_as_shorter() -> None:
    buckets = [bucket_of(number * 1e-5) for number in range(5000)]
    assert buckets == sorted(buckets)


def test_quantiles_are_the_bounds_that_so_many_did_not_exceed() -> None:
    counts = histogram()
    for milliseconds in range(1, 101):
        counts[bucket_of(milliseconds / 1000)] += 1
    assert quantile(counts, 0.5) == bound_of(bucket_of(0.050))
    assert quantile(counts, 0.99) == bound_of(bucket_of(0.099))
    assert quantile(counts, 1.0) == bound_of(bucket_of(0.100))
    assert quantile(counts, 0.0) == bound_of(bucket_of(0.001))


def test_nothing_has_no_quantile() -> None:
    assert quantile(histogram(), 0.5) is None


def test_counters_tell_their_names() -> None:
    counters = Counters()
    counters.opened = 3
    assert counters.plain() == {
        "answered": 0,
        "cancelled": 0,
        "errors": 0,
        "failed": 0,
        "opened": 3,
        "retried": 0,
    }
