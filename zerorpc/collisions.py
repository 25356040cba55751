"""Keys of a map that all look for the same places of a dict, as a peer may choose numbers to do.

Sans-IO. Hashes of text and bytes are secret, those of numbers are not: 32,000 integers in 176 KB
can be made to take 0.12 s, ten times as many a hundred times as long. So it is counted how often a
dict would have to look, by doing the same without comparing keys: at 0.3 us for each, and in
Python, so that other threads get the interpreter's lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

# In a map with fewer numbers as keys nothing can be made to take long.
HARMLESS_KEYS = 1024
# On average. Usual numbers take one or two looks, those that share their lower 40 bits ten.
_MOST_LOOKS = 32
# As CPython has it (Objects/dictobject.c): where to look next, and when a table is full.
_PERTURB_SHIFT = 5
_HASH_MASK = (1 << 64) - 1


def are_costly(hashes: Sequence[int]) -> bool:
    """Tell whether a dict of keys with these hashes, in this order, takes unduly long to make."""
    size = HARMLESS_KEYS
    count = 0
    # Each table holds the first keys, until it is full and the next one takes over.
    while count < len(hashes):
        size *= 2
        count = min(len(hashes), 2 * size // 3)
        if _is_costly_in(size, hashes, count):
            return True
    return False


def _is_costly_in(size: int, hashes: Sequence[int], count: int) -> bool:
    taken, mask, left = bytearray(size), size - 1, _MOST_LOOKS * count
    for each in islice(hashes, count):
        place, perturb = each & mask, each & _HASH_MASK
        while taken[place]:
            left -= 1
            perturb >>= _PERTURB_SHIFT
            place = (place * 5 + perturb + 1) & mask
            if left < 0:
                return True
        taken[place] = 1
    return False
