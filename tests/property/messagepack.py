"""Values of every MessagePack type, for tests of whatever encodes or decodes them."""

from __future__ import annotations

from hypothesis import strategies as st
from msgpack import ExtType, Timestamp

INTS = st.integers(min_value=-(1 << 63), max_value=(1 << 64) - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SIZED_TEXTS = st.sampled_from((15, 16, 127, 128)).map("\u044f".__mul__)
SIZED_BYTES = st.sampled_from((255, 256)).map(b"\x81".__mul__)
EXTS = st.builds(
    ExtType,
    st.integers(min_value=0, max_value=127),
    st.binary(max_size=20) | st.sampled_from((255, 256)).map(b"\xdc".__mul__),
)
TIMES = st.builds(
    Timestamp,
    st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1),
    st.integers(min_value=0, max_value=999_999_999),
)
SCALARS = (
    st.none()
    | st.booleans()
    | INTS
    | st.floats(allow_nan=False)
    | TEXTS
    | st.binary(max_size=40)
    | EXTS
    | TIMES
)
LONG_LISTS = SCALARS.map(lambda one: [one] * 300)
KEYS = TEXTS | INTS | st.binary(max_size=40) | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS | SIZED_TEXTS | SIZED_BYTES | LONG_LISTS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=12,
)
IDS = st.binary(max_size=40) | TEXTS | INTS
