"""A hub reads ids, name, version and deadline off the bytes of an event, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgpack import packb, unpackb

from tests.data import PEERS, Captured, load
from zerorpc.errors import RemoteProtocolError
from zerorpc.peek import less_time, peek, peek_answer, peek_opening
from zerorpc.wire import Blob

# One-way messages have no answer, and the old ones among them no id.
DECENT = [
    entry
    for peer in PEERS
    if peer != "malformed"
    for entry in load(peer)
    if entry.sender in ("client", "server")
]
# What only the arguments or the open channels show, which are not looked at here.
OVERLOOKED = {
    **dict.fromkeys(("too_many_containers", "late", "stray_control", "bad_name"), ("ok",)),
    # Of an array that claims too many items, the claim alone is looked at.
    "malformed": ("ok", "not_an_event"),
}


def reason(blob: bytes) -> str:
    """Return why an event cannot be read, "ok" if it can."""
    try:
        peek(blob)
    except RemoteProtocolError as error:
        return error.reason
    return "ok"


@pytest.mark.parametrize("captured", DECENT, ids=lambda one: one.what)
def test_the_corpus_is_read_as_a_decoder_reads_it(captured: Captured) -> None:
    header, name, _ = unpackb(captured.payload, strict_map_key=False)
    response_to = header.get("response_to")
    assert peek(captured.payload) == (
        None if response_to is None else packb(response_to),
        packb(header["message_id"]),
        name.encode(),
        header.get("v", 1),
        header.get("deadline_ms"),
        header.get("draining", False),
    )


@pytest.mark.parametrize("captured", DECENT, ids=lambda one: one.what)
def test_large_events_are_read_without_a_copy_of_them(captured: Captured) -> None:
    assert peek(memoryview(captured.payload)) == peek(captured.payload)


@pytest.mark.parametrize("captured", load("malformed"), ids=lambda one: one.what)
def test_malformed_events_get_their_verdict(captured: Captured) -> None:
    assert reason(captured.payload) in {captured.verdict, *OVERLOOKED.get(captured.verdict, ())}


@pytest.mark.parametrize("peer", ["stock", "ours", "node"])
def test_the_answers_of_every_peer_have_the_usual_layout(peer: str) -> None:
    for captured in load(peer):
        if captured.sender == "server" and "drain" not in captured.what:
            name = unpackb(captured.payload)[1]
            assert peek_answer(captured.payload) == name.encode(), captured.what


@pytest.mark.parametrize("extent", [4000, 4096, 20_000, 65_000])
@pytest.mark.parametrize("of", [bytes, memoryview])
def test_a_header_with_a_long_task_context_is_read_whole(
    extent: int, of: Callable[..., Blob]
) -> None:
    header = {"message_id": b"m" * 32, "v": 3, "token": "x" * extent, "deadline_ms": 500}
    blob = of(packb([header, "name", [1]]))
    assert peek(blob) == (None, packb(b"m" * 32), b"name", 3, 500, False)
    shorter = unpackb(less_time(blob, 100))
    assert shorter == [{**header, "deadline_ms": 400}, "name", [1]]


def test_a_header_beyond_64_kib_is_not_read() -> None:
    header = {"message_id": b"m" * 32, "v": 3, "token": "x" * 65_536, "deadline_ms": 500}
    blob = packb([header, "name", [1]])
    assert reason(blob) == "malformed"
    assert less_time(blob, 100) == blob


def test_a_long_header_has_no_maps_of_many_keys() -> None:
    # Keys that are compared each with all before them would take half a second of a hub's time.
    for many, verdict in ((256, "ok"), (257, "malformed")):
        context = {"token": "x" * 4096, "map": dict.fromkeys(range(many))}
        blob = packb([{"message_id": b"m" * 32, "v": 3, **context}, "name", [1]])
        assert reason(blob) == verdict


@pytest.mark.parametrize("end", range(100))
def test_whatever_is_cut_off_is_told(end: int) -> None:
    whole = packb(
        [{"message_id": b"m" * 32, "v": 3, "response_to": b"r" * 32}, "STREAM_DONE", None]
    )
    with pytest.raises(RemoteProtocolError, match="malformed"):
        peek(whole[:end])
    assert peek_answer(whole[:end]) is None


@pytest.mark.parametrize("timing", [{}, {"deadline_ms": 100}, {"deadline_ms": 30_000}])
def test_calls_of_python_are_read_fast_or_not_at_all(timing: dict[str, Any]) -> None:
    head = packb({"message_id": b"m" * 32, "v": 3, **timing})
    whole = b"\x93" + head + packb("method") + packb([1])
    call_id, deadline_ms = packb(b"m" * 32), timing.get("deadline_ms")
    assert peek_opening(whole) == (call_id, b"method", deadline_ms)
    for end in range(len(whole) - 2):
        assert peek_opening(whole[:end]) is None
    assert peek_opening(memoryview(whole)) is None


@pytest.mark.parametrize("deadline_ms", [0, 127, 128, 255, 256, 65535, 65536, 1 << 32])
@pytest.mark.parametrize("extra", [{}, {"trace_id": "c0ffee"}], ids=["usual", "traced"])
def test_deadlines_are_read_and_shortened(deadline_ms: int, extra: dict[str, Any]) -> None:
    head = {"message_id": b"m" * 32, "v": 3, "deadline_ms": deadline_ms, **extra}
    blob = packb([head, "name", [1]])
    assert peek(blob)[4] == deadline_ms
    shorter = unpackb(less_time(blob, 100))
    assert shorter == [{**head, "deadline_ms": max(0, deadline_ms - 100)}, "name", [1]]


@pytest.mark.parametrize(
    "event",
    [
        [{"message_id": b"m" * 32, "v": 3}, "name", ["deadline_ms", 7]],
        [{"message_id": b"m" * 32, "v": 3}, "deadline_ms", [7]],
        [{"note": "deadline_ms", "message_id": b"m"}, "name", []],
        [{"message_id": b"m", "deadline_ms": "soon"}, "name", []],
        [{"message_id": b"m", "deadline_ms": -5}, "name", []],
    ],
    ids=["argument", "name", "value", "text", "negative"],
)
def test_what_only_looks_like_a_deadline_stays(event: list[Any]) -> None:
    blob = packb(event)
    assert peek(blob)[4] is None
    assert less_time(blob, 5) == blob
