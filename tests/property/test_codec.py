"""What is encoded is decoded again, whatever it is; what is no event is refused, and no more."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgpack import ExtType, packb

from tests.property.messagepack import IDS, KEYS, SCALARS, TEXTS, VALUES
from zerorpc.containers import may_have_more
from zerorpc.errors import RemoteProtocolError
from zerorpc.wire import Codec, Event, Id, peek_header

CODEC = Codec()
HEX_IDS = st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex().encode())
HEADERS = st.dictionaries(TEXTS, SCALARS, max_size=5)


def alike(left: Any, right: Any) -> bool:
    """Compare with types, for 1 == 1.0 == True."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, dict):
        return alike(list(left), list(right)) and alike(list(left.values()), list(right.values()))
    return bool(left == right)


@given(header=HEADERS, name=TEXTS, args=VALUES)
def test_every_event_survives(header: dict[str, Any], name: str, args: Any) -> None:
    blob = bytes(CODEC.event(Event(header, name, args)))
    for each in (blob, memoryview(blob), blob + b"\xc1 trailing"):
        event = CODEC.decode(each)
        assert alike(event.header, header)
        assert event.name == name
        assert alike(event.args, args)


@pytest.mark.parametrize("size", [65_535, 65_536, 100_000])
def test_every_length_of_length_survives(size: int) -> None:
    args: list[Any] = ["x" * size, b"x" * size, ExtType(5, b"x" * size), [0] * size]
    args.append({str(number): number for number in range(size)})
    assert alike(CODEC.decode(CODEC.event(Event({}, "echo", args))).args, args)


@given(message_id=HEX_IDS, channel_id=IDS, name=TEXTS, args=VALUES)
def test_the_fast_paths_make_what_messagepack_makes(
    message_id: bytes, channel_id: Id, name: str, args: Any
) -> None:
    deadline_ms = len(name)
    header = {"message_id": message_id, "v": 3}
    assert CODEC.request(message_id, name, args, None) == packb([header, name, args])
    timed = {**header, "deadline_ms": deadline_ms}
    assert CODEC.request(message_id, name, args, deadline_ms) == packb([timed, name, args])
    tail = CODEC.reply_tail(channel_id)
    replied = {**header, "response_to": channel_id}
    assert CODEC.reply(message_id, tail, name, args) == packb([replied, name, args])
    assert CODEC.beat(message_id, tail) == packb([replied, "_zpc_hb", [0]])


@given(channel_id=IDS)
def test_ids_are_echoed_with_their_type(channel_id: Id) -> None:
    request = CODEC.decode(packb([{"message_id": channel_id}, "add", []]))
    reply = CODEC.reply(b"0" * 32, CODEC.reply_tail(request.header["message_id"]), "OK", [1])
    assert alike(CODEC.decode(reply).header["response_to"], channel_id)


@given(blob=st.binary(max_size=300))
def test_bytes_that_are_no_event_are_refused_and_nothing_else(blob: bytes) -> None:
    for codec in (CODEC, Codec(max_event_bytes=100, max_containers=3)):
        try:
            event = codec.decode(blob)
        except RemoteProtocolError:
            continue
        assert type(event.header) is dict
        assert type(event.name) is str
    assert type(peek_header(blob)) is dict


@given(header=HEADERS, args=VALUES, seed=st.integers(min_value=0, max_value=1 << 32))
def test_events_with_flaws_are_read_or_refused(
    header: dict[str, Any], args: Any, seed: int
) -> None:
    source = random.Random(seed)
    whole = packb([header, "name", args])
    for _ in range(10):
        blob = bytearray(whole[: source.randrange(len(whole)) + 1])
        for _ in range(source.randrange(3)):
            blob[source.randrange(len(blob))] = source.randrange(256)
        try:
            CODEC.decode(bytes(blob))
        except RemoteProtocolError:
            pass
        peek_header(bytes(blob))


def count_containers(value: Any) -> int:
    """Count arrays and maps the slow way."""
    if isinstance(value, list):
        return 1 + sum(map(count_containers, value))
    if isinstance(value, dict):
        return 1 + sum(map(count_containers, value.values()))
    return 0


def count_items(value: Any) -> int:
    """Count the values in arrays and maps the slow way, keys included."""
    if isinstance(value, list):
        return len(value) + sum(map(count_items, value))
    if isinstance(value, dict):
        return 2 * len(value) + sum(map(count_items, value.values()))
    return 0


@given(args=VALUES, keys=st.lists(KEYS, max_size=3))
def test_containers_are_counted_exactly(args: Any, keys: list[Any]) -> None:
    args = [args, {key: [] for key in keys}]
    blob = packb([{}, "name", args])
    number = 2 + count_containers(args)
    assert may_have_more(blob, number - 1, len(blob))
    assert alike(Codec(max_containers=number).decode(blob).args, args)
    with pytest.raises(RemoteProtocolError, match="too_many_containers"):
        Codec(max_containers=number - 1).decode(blob)


@given(args=VALUES, keys=st.lists(KEYS, max_size=3, unique=True))
def test_values_are_counted_exactly(args: Any, keys: list[Any]) -> None:
    args = [args, {key: [] for key in keys}]
    blob = packb([{}, "name", args])
    number = 3 + count_items(args)
    assert may_have_more(blob, len(blob), number - 1)
    assert alike(Codec(max_items=number).decode(blob).args, args)
    with pytest.raises(RemoteProtocolError, match="too_many_items"):
        Codec(max_items=number - 1).decode(blob)
