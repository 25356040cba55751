"""The harness of `make fuzz`, for a bounded time and without guidance."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from fuzz import harness, mutation, seeds

ROUNDS = 20  # inputs per example: making one is cheap, an example is not


@pytest.mark.parametrize("target", harness.TARGETS)
def test_every_seed_keeps_the_promises(target: str) -> None:
    begun_with = seeds.of(target)
    assert len(begun_with) > 20
    for blob in begun_with:
        harness.TARGETS[target](blob)


@pytest.mark.parametrize("target", harness.TARGETS)
@given(seed=st.integers(min_value=0, max_value=2**64))
def test_every_changed_seed_keeps_the_promises(target: str, seed: int) -> None:
    source = random.Random(seed)
    begun_with = SEEDS[target]
    for _ in range(ROUNDS):
        blob = mutation.mutated(begun_with, source)
        note(blob.hex())
        harness.TARGETS[target](blob)


@pytest.mark.parametrize("target", harness.TARGETS)
@given(blob=st.binary(max_size=200))
def test_any_bytes_keep_the_promises(target: str, blob: bytes) -> None:
    harness.TARGETS[target](blob)


SEEDS = {target: seeds.of(target) for target in harness.TARGETS}
