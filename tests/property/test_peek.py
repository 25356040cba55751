"""Whatever the order and kind of header keys, the fast and the thorough reading agree."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgpack import packb, unpackb

from tests.property.messagepack import TEXTS, VALUES
from zerorpc.errors import RemoteProtocolError
from zerorpc.peek import less_time, peek, peek_answer, peek_opening

IDS = (
    st.binary(min_size=32, max_size=32)
    | st.text("0123456789abcdef-", min_size=36, max_size=36)
    | st.binary(max_size=255)
    | st.text("abc", max_size=255)
    | st.integers(min_value=-(1 << 63), max_value=(1 << 64) - 1)
)
NAMES = st.sampled_from(("OK", "ERR", "STREAM", "STREAM_DONE", "_zpc_hb")) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=300
)
KNOWN = {
    "message_id": IDS,
    "v": st.just(3) | st.integers(min_value=0, max_value=300),
    "response_to": IDS,
    "deadline_ms": st.integers(min_value=0, max_value=1 << 40),
    "draining": st.booleans(),
    "trace_id": TEXTS,
}


@st.composite
def headers(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(sorted(KNOWN)), unique=True))
    if not {"message_id", "response_to"} & set(keys):
        keys.append("message_id")
    return {key: draw(KNOWN[key]) for key in keys}


def _packed(value: Any) -> bytes | None:
    packed: bytes | None = None if value is None else packb(value)
    return packed


@given(headers(), NAMES, VALUES)
def test_every_event_is_read_as_a_decoder_reads_it(
    header: dict[str, Any], name: str, args: Any
) -> None:
    blob = packb([header, name, args])
    assert peek(blob) == (
        _packed(header.get("response_to")),
        _packed(header.get("message_id")),
        name.encode(),
        header.get("v", 1),
        header.get("deadline_ms"),
        header.get("draining", False),
    )
    if "response_to" in header:
        assert peek_answer(blob) in (None, name.encode())
        assert peek_opening(blob) is None
    else:
        _, message_id, *rest = peek(blob)
        assert peek_opening(blob) in (None, (message_id, rest[0], rest[2]))


@given(headers(), NAMES, VALUES, st.integers(min_value=0, max_value=1 << 41))
def test_shortening_changes_nothing_else(
    header: dict[str, Any], name: str, args: Any, spent_ms: int
) -> None:
    blob = packb([header, name, args])
    if "deadline_ms" in header:
        header = {**header, "deadline_ms": max(0, header["deadline_ms"] - spent_ms)}
    shorter = less_time(blob, spent_ms)
    assert shorter == packb([header, name, args])
    assert unpackb(shorter, strict_map_key=False) is not None


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused(garbage: bytes) -> None:
    for blob in (garbage, b"\x93\x82\xaamessage_id\xc4\x20" + garbage, b"\x93" + garbage):
        opening = peek_opening(blob)
        with suppress(RemoteProtocolError):
            peeked = peek(blob)
            assert opening in (None, (peeked[1], peeked[2], peeked[4]))
        peek_answer(blob)
        less_time(blob, 1)
