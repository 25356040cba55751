"""Keys that were chosen to collide are told from all that anybody might use."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from random import Random
from typing import Any

import pytest

from tests.unit.test_containers import packed, reason_of
from zerorpc.collisions import are_costly
from zerorpc.wire import Codec

DICE = Random(1)
# What people have for numbers: rows, ids with a time in front, sizes, instants, parts of hashes.
USUAL: dict[str, list[Any]] = {
    "rows": list(range(20_000)),
    "backwards": list(range(20_000, 0, -1)),
    "negative": list(range(-20_000, 0)),
    "even": list(range(0, 40_000, 2)),
    "pages": [number * 4096 for number in range(20_000)],
    "snowflakes": [(1_700_000_000_000 + number) << 22 for number in range(20_000)],
    "high": [number << 40 for number in range(20_000)],
    "random": [DICE.getrandbits(63) for _ in range(20_000)],
    "fractions": [number / 8 for number in range(20_000)],
    "instants": [1.7e9 + DICE.random() for _ in range(20_000)],
}


def colliding(bits: int) -> list[int]:
    """Return keys that fill a dict of so many bits; the later half has to pass by the others."""
    size = 2**bits
    number = 2 * size // 3
    places = {0: 0}
    while len(places) < number // 2:
        # Where a dict looks next once nothing is left of a hash but its lower bits.
        places[(next(reversed(places)) * 5 + 1) % size] = len(places)
    return [*places, *islice(_led_in(places, bits), number - len(places))]


def _led_in(places: dict[int, int], bits: int) -> Iterator[int]:
    """Yield keys that meet nothing but what is taken until they walk along these places."""
    size = 2**bits
    for low, first, second in product(places, range(32), range(32)):
        # Each look takes five more bits of the hash in: those are chosen, the rest is zero.
        key = perturb = low + ((first + 32 * second) << bits)
        place = low
        while perturb and place in places:
            perturb >>= 5
            place = (place * 5 + perturb + 1) % size
        if places.get(place, size) < len(places) // 2 and key >= size:
            yield key


@pytest.mark.parametrize("name", USUAL)
def test_usual_numbers_are_let_pass(name: str) -> None:
    keys = USUAL[name]
    assert not are_costly([hash(key) for key in keys])
    event = packed({"message_id": b"id"}, "echo", [dict.fromkeys(keys, 1)])
    assert Codec().decode(event).args == [dict.fromkeys(keys, 1)]


def test_texts_are_not_even_looked_at() -> None:
    value = {f"key {number}": number for number in range(20_000)}
    assert Codec().decode(packed({"message_id": b"id"}, "echo", [value])).args == [value]


@pytest.mark.parametrize("bits", [12, 14])
def test_keys_that_were_chosen_to_collide_are_refused(bits: int) -> None:
    keys = colliding(bits)
    assert are_costly([hash(key) for key in keys])
    # The map may stand anywhere, and be one of many.
    value = dict.fromkeys(keys, "x" * 40)
    for args in ([value], [[1] * 1000, value], [{"a": {"b": [value]}}]):
        assert reason_of(packed({"message_id": b"id"}, "echo", args)) == "colliding_keys"


def test_a_map_of_few_keys_is_let_pass_whatever_they_are() -> None:
    value = dict.fromkeys(colliding(10), "x" * 100)
    assert reason_of(packed({"message_id": b"id"}, "echo", [value])) == ""
