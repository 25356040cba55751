"""Changes inputs at random, for where nothing tells which change led to new code."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

# Bytes at which MessagePack turns, more telling than any others.
_TELLING = bytes(
    [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xC0, 0xC1, 0xC4, 0xC6, 0xC7, 0xD9, 0xDD, 0xDF, 0xFF]
)


def _flip(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] ^= 1 << source.randrange(8)


def _replace(data: bytearray, source: random.Random) -> None:
    data[source.randrange(len(data))] = source.choice(_TELLING)


def _cut(data: bytearray, source: random.Random) -> None:
    start = source.randrange(len(data))
    del data[start : start + source.randrange(1, 9)]


def _insert(data: bytearray, source: random.Random) -> None:
    start = source.randrange(len(data))
    data[start:start] = source.choice((source.randbytes(4), bytes([source.choice(_TELLING)]) * 4))


def _repeat(data: bytearray, source: random.Random) -> None:
    start = source.randrange(len(data))
    data[start:start] = data[start : start + source.randrange(1, 40)] * source.randrange(1, 8)


_CHANGES = (_flip, _replace, _cut, _insert, _repeat)


def mutated(seeds: Sequence[bytes], source: random.Random) -> bytes:
    """One input, changed in a few places, or two of them joined."""
    data = bytearray(source.choice(seeds))
    if source.random() < 0.2:
        data += source.choice(seeds)
    for _ in range(source.randrange(1, 6)):
        if not data:
            break
        source.choice(_CHANGES)(data, source)
    return bytes(data)


def run(
    target: Callable[[bytes], None], seeds: Sequence[bytes], seconds: float, seed: int = 0
) -> int:
    """Feed a target for so long and return how many inputs it took; says the one that broke it."""
    source = random.Random(seed)
    ends = time.monotonic() + seconds
    inputs = 0
    while time.monotonic() < ends:
        blob = mutated(seeds, source)
        inputs += 1
        try:
            target(blob)
        except BaseException:
            print(f"{target.__name__} broke on {blob.hex()}")
            raise
    return inputs
