"""Bytes <-> events: the fast paths, ids, limits, and what hostile bytes may cost."""

from __future__ import annotations

import datetime
import struct
from typing import Any

import msgpack
import pytest

from tests.data import PEERS, Captured, load
from zerorpc.errors import LocalProtocolError, RemoteProtocolError
from zerorpc.wire import (
    ERR,
    Blob,
    Codec,
    CustomType,
    Event,
    Id,
    error_args,
    is_id,
    message_version,
    peek_header,
)

ID = b"0123456789abcdef" * 2
NEXT = b"fedcba9876543210" * 2
NODE_ID = "b9d4a8a0-9f1c-4d3e-8f00-000000000001"
VALUES = [[], [1, 2], [{"a": b"\x00"}, None, 1.5], "bare", None, 7, {"k": [True]}, [[["deep"]]]]


def plain(*parts: Any) -> bytes:
    """Return parts as MessagePack itself packs them."""
    packed: bytes = msgpack.packb(list(parts), use_bin_type=True)
    return packed


def reason_of(blob: bytes | memoryview, codec: Codec | None = None) -> str:
    """Return why a codec refuses a blob, "" if it does not."""
    try:
        (codec or Codec()).decode(blob)
    except RemoteProtocolError as error:
        return error.reason
    return ""


# -- encoding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", VALUES)
@pytest.mark.parametrize("deadline_ms", [None, -1, 0, 127, 30_000, 1 << 40])
def test_a_request_is_what_the_general_encoding_makes(args: Any, deadline_ms: int | None) -> None:
    header: dict[str, Any] = {"message_id": ID, "v": 3}
    if deadline_ms is not None:
        header["deadline_ms"] = deadline_ms
    codec = Codec()
    blob = codec.request(ID, "add", args, deadline_ms)
    assert blob == codec.event(Event(header, "add", args)) == plain(header, "add", args)


@pytest.mark.parametrize(
    "channel_id", [ID, b"", b"short", b"x" * 33, NODE_ID, "", 0, 7, -1, 1 << 63]
)
@pytest.mark.parametrize("args", VALUES)
def test_a_reply_is_what_the_general_encoding_makes(channel_id: Id, args: Any) -> None:
    codec = Codec()
    blob = codec.reply(NEXT, codec.reply_tail(channel_id), "STREAM", args)
    header = {"message_id": NEXT, "v": 3, "response_to": channel_id}
    assert blob == plain(header, "STREAM", args)
    echoed = codec.decode(blob).header["response_to"]
    assert (type(echoed), echoed) == (type(channel_id), channel_id)


@pytest.mark.parametrize(
    "header",
    [
        {"message_id": ID, "v": 3},
        {"message_id": ID, "v": 3, "deadline_ms": 30_000},
        {"message_id": ID, "v": 3, "response_to": NEXT},
        {"message_id": ID, "v": 3, "response_to": NODE_ID},
        {"message_id": ID, "v": 3, "response_to": None},
        {"message_id": ID, "v": 3, "deadline_ms": -1},
        {"message_id": ID, "v": 3, "deadline_ms": None},
        {"message_id": ID, "v": 3, "deadline_ms": 1.5},
        {"message_id": ID, "v": 3, "trace_id": "c0ffee"},
        {"message_id": ID, "v": 3, "response_to": NEXT, "trace_id": "c0ffee"},
        {"message_id": ID, "v": 2},
        {"message_id": ID, "v": True},
        {"message_id": ID},
        {"message_id": b"short", "v": 3},
        {"message_id": NODE_ID, "v": 3},
        {"v": 3},
        {},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["add", b"add"])
def test_an_event_is_sent_as_middleware_has_left_it(header: dict[str, Any], name: Any) -> None:
    for args in ([1, "two"], b"x" * 100_000, b"after a large one"):
        codec = Codec()
        codec.event(Event({}, "before", args))
        assert codec.event(Event(header, name, args)) == plain(header, name, args)


@pytest.mark.parametrize("channel_id", [ID, NODE_ID, 7])
def test_a_heartbeat_is_what_the_general_encoding_makes(channel_id: Id) -> None:
    codec = Codec()
    tail = codec.reply_tail(channel_id)
    header = {"message_id": NEXT, "v": 3, "response_to": channel_id}
    assert codec.beat(NEXT, tail) == plain(header, "_zpc_hb", [0])
    draining = codec.beat(NEXT, tail, is_draining=True)
    assert draining == plain({**header, "draining": True}, "_zpc_hb", [0])


def test_more_names_than_the_cache_holds_are_all_right() -> None:
    codec = Codec()
    for turn in range(2):
        for number in range(1500):
            name = f"method_{number}_\u00e9"
            event = codec.decode(codec.request(ID, name, [turn], None))
            assert (event.name, event.args) == (name, [turn])


def test_what_cannot_be_packed_leaves_no_trace() -> None:
    codec = Codec()
    for _ in range(2):
        with pytest.raises(OverflowError):
            codec.request(ID, "add", [], 1 << 70)
    for bad in ([1, object()], [1 << 64], ["\udc80"], ["x" * 100, {1, 2}]):
        with pytest.raises((TypeError, OverflowError, UnicodeEncodeError)):
            codec.request(ID, "add", bad, None)
        assert codec.request(ID, "add", [1], None) == plain({"message_id": ID, "v": 3}, "add", [1])


def test_an_event_may_be_as_large_as_the_limit_and_no_larger() -> None:
    size = len(Codec().request(ID, "echo", [b"x" * 100], None))
    assert len(Codec(max_event_bytes=size).request(ID, "echo", [b"x" * 100], None)) == size
    tight = Codec(max_event_bytes=size - 1)
    tail = tight.reply_tail(ID)
    told = f"at most {size - 1}"
    with pytest.raises(LocalProtocolError, match=told):
        tight.request(ID, "echo", [b"x" * 100], None)
    with pytest.raises(LocalProtocolError, match=told):
        tight.reply(NEXT, tail, "OK", [b"x" * size])
    with pytest.raises(LocalProtocolError, match=told):
        tight.event(Event({"message_id": ID, "v": 3}, "echo", [b"x" * 100]))


def test_large_events_in_a_row_say_what_small_ones_say() -> None:
    """The second is packed in one piece, and is not copied out of the packer."""
    large, small = [b"x" * 70_000], [b"x"]
    codec = Codec()
    tail, node_tail = codec.reply_tail(ID), codec.reply_tail(NODE_ID)
    views = 0
    for args in (large, large, small, large, small, small, large, large, large):
        sent = {
            codec.request(ID, "echo", args, None): {"message_id": ID, "v": 3},
            codec.request(ID, "echo", args, 9): {"message_id": ID, "v": 3, "deadline_ms": 9},
            codec.reply(NEXT, tail, "echo", args): answering(ID),
            codec.reply(NEXT, node_tail, "echo", args): answering(NODE_ID),
        }
        for blob, header in sent.items():
            assert blob == plain(header, "echo", args)
            views += type(blob) is memoryview
    # All but the first of each row of large ones, of four events each.
    assert views == 4 * 6 - 3


def answering(channel_id: Id) -> dict[str, Any]:
    return {"message_id": NEXT, "v": 3, "response_to": channel_id}


def test_a_large_event_may_not_exceed_the_limit_either_and_spoils_nothing() -> None:
    codec = Codec(max_event_bytes=100_000)
    tail = codec.reply_tail(ID)
    for _ in range(2):
        assert len(codec.reply(NEXT, tail, "OK", [b"x" * 90_000])) < 100_000
        with pytest.raises(LocalProtocolError, match="at most 100000"):
            codec.reply(NEXT, tail, "OK", [b"x" * 100_000])
        with pytest.raises(TypeError):
            codec.reply(NEXT, tail, "OK", [b"x" * 90_000, object()])
    assert codec.reply(NEXT, tail, "OK", [1]) == plain(answering(ID), "OK", [1])


# -- decoding --------------------------------------------------------------------------------------


@pytest.mark.parametrize("message_id", [ID, NODE_ID, 42, b"", ""])
def test_ids_keep_their_type(message_id: Id) -> None:
    event = Codec().decode(plain({"message_id": message_id, "v": 3}, "add", []))
    found = event.header["message_id"]
    assert (type(found), found) == (type(message_id), message_id)
    assert is_id(found)


@pytest.mark.parametrize("value", [None, True, False, 1.0, [], {}, (1,), msgpack.ExtType(1, b"")])
def test_other_things_are_no_ids(value: object) -> None:
    assert not is_id(value)


def test_trailing_bytes_are_passed_over_as_stock_does() -> None:
    blob = plain({"message_id": ID, "v": 3}, "add", [1]) + b"\xc1 anything"
    assert Codec().decode(blob).args == [1]
    long = plain({"message_id": ID, "v": 3}, "add", [list(range(1000))]) + b"\xc1 anything"
    assert Codec().decode(long).args == [list(range(1000))]


def test_a_name_in_bytes_is_read_as_text() -> None:
    assert Codec().decode(plain({}, b"add", [])).name == "add"
    assert reason_of(plain({}, b"\xff\xfe", [])) == "bad_name"
    assert reason_of(plain({}, None, [])) == "bad_name"


@pytest.mark.parametrize("header", [None, [], 1, "x", b""])
def test_a_header_that_is_no_map_is_read_as_empty(header: Any) -> None:
    assert Codec().decode(plain(header, "add", [])).header == {}


@pytest.mark.parametrize("version", [1, 2, 3, 99, -1, 1 << 60])
def test_the_version_is_the_headers(version: int) -> None:
    assert message_version({"v": version}) == version


def test_a_missing_version_means_1() -> None:
    assert message_version({}) == 1


@pytest.mark.parametrize("version", [None, True, 3.0, "3", b"3", [[[]]]])
def test_a_version_that_is_no_number_is_refused(version: Any) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        message_version({"v": version})
    assert caught.value.reason == "bad_version"


def test_a_version_that_cannot_even_be_printed_is_refused() -> None:
    blob = b"\x93\x81\xa1v" + b"\x91" * 1015 + b"\xc0" + b"\xa3add\x90"
    with pytest.raises(RemoteProtocolError) as caught:
        message_version(Codec().decode(blob).header)
    assert caught.value.reason == "bad_version"


def test_errors_are_told_as_the_peers_version_reads_them() -> None:
    assert error_args(1, "NameError", "nope", "tb") == ["NameError('nope')"]
    assert error_args(2, "NameError", "nope", "tb") == ["NameError", "nope", "tb"]
    assert error_args(3, "NameError", "nope", None) == ["NameError", "nope", None]


@pytest.mark.parametrize("peer", PEERS)
def test_a_memoryview_is_read_like_bytes(peer: str) -> None:
    codec = Codec()
    for captured in load(peer):
        blob = captured.payload[:100_000]
        assert reason_of(memoryview(blob), codec) == reason_of(blob, codec), captured.what


@pytest.mark.parametrize("peer", ["stock", "node", "v1", "v2"])
def test_decent_events_survive_decoding_and_encoding(peer: str) -> None:
    codec = Codec()
    for captured in load(peer):
        event = codec.decode(captured.payload)
        again = codec.decode(codec.event(event))
        assert again == event, captured.what


# -- what hostile bytes may cost -------------------------------------------------------------------


def nested_claims(depth: int, items: int) -> bytes:
    """Return an event of arrays in arrays, each of which claims more items than are there."""
    return b"\x93\x80\xa1a" + (b"\xdd" + struct.pack(">I", items)) * depth


@pytest.mark.parametrize("items", [200, 257, 5000, 1 << 20, (1 << 32) - 1])
def test_arrays_that_claim_more_than_there_is_are_refused(items: int) -> None:
    assert reason_of(nested_claims(800, items)) == "malformed"
    assert reason_of(nested_claims(800, items).ljust(70_000, b"\xc0")) == "malformed"


@pytest.mark.parametrize("length", [255, 256, 257, 65_535, 65_536, 100_000])
def test_long_arrays_are_read_when_their_items_are_there(length: int) -> None:
    assert Codec().decode(plain({}, "add", [0] * length)).args == [0] * length


@pytest.mark.parametrize("length", [300, 70_000])
def test_long_arrays_are_cut_short_like_others(length: int) -> None:
    assert reason_of(plain({}, "add", ["x"] * length)[:-1]) == "malformed"


@pytest.mark.parametrize("limit", [10, 1000, 100_000])
def test_small_limits_on_size_hold_too(limit: int) -> None:
    codec = Codec(max_event_bytes=limit)
    spare = limit - len(plain({}, "a", [b"x" * limit])) + limit
    if spare > 0:
        assert reason_of(plain({}, "a", [b"x" * spare]), codec) == ""
    assert reason_of(plain({}, "a", [b"x" * limit]), codec) == "too_large"


# -- the header alone ------------------------------------------------------------------------------


def test_a_header_is_read_without_the_rest() -> None:
    header = {"message_id": ID, "v": 3, "response_to": 7}
    whole = plain(header, "STREAM", [b"x" * 10_000])
    assert peek_header(whole) == peek_header(memoryview(whole)) == header
    assert peek_header(plain(header, "add", [])[:-3]) == header


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\xc1",
        b"\x93",
        plain([], "a", []),
        plain({}, "a"),
        plain({"message_id": b"x" * 5000}, "a", []),
        b"\x93" + nested_claims(700, 1 << 20),
        b"\x93\x81\x90\xc0\xa1a\x90",
    ],
)
def test_where_there_is_no_header_to_be_had(blob: bytes) -> None:
    assert peek_header(blob) == {}


@pytest.mark.parametrize("captured", load("malformed"), ids=lambda captured: captured.what)
def test_peeking_never_fails(captured: Captured) -> None:
    assert type(peek_header(captured.payload)) is dict


# -- custom types ----------------------------------------------------------------------------------


class Later(datetime.datetime):
    """A subclass of a registered type."""


def time_type() -> CustomType:
    return CustomType(
        datetime.datetime,
        7,
        lambda value: value.isoformat().encode(),
        lambda data: datetime.datetime.fromisoformat(data.decode()),
    )


def test_custom_types_and_their_subclasses_travel() -> None:
    codec = Codec([time_type()])
    moment = datetime.datetime(2012, 3, 9, 12)
    blob = codec.request(ID, "at", [moment, Later(2012, 3, 9, 12)], None)
    assert codec.decode(blob).args == [moment, moment]
    assert Codec().decode(blob).args[0] == msgpack.ExtType(7, b"2012-03-09T12:00:00")


def test_ext_types_that_nobody_registered_pass_through() -> None:
    for codec in (Codec(), Codec([time_type()])):
        for value in (msgpack.ExtType(42, b"\x00"), msgpack.Timestamp(1, 2)):
            assert codec.decode(codec.request(ID, "echo", [value], None)).args == [value]


def test_types_that_nobody_registered_are_an_error_that_names_them() -> None:
    for codec in (Codec(), Codec([time_type()])):
        with pytest.raises(TypeError, match="object"):
            codec.request(ID, "echo", [object()], None)


def test_what_a_custom_type_cannot_read_is_malformed() -> None:
    for length in (1, 1000):  # longer arrays are decoded in another way
        blob = plain({"message_id": ID}, "at", [msgpack.ExtType(7, b"no time")] * length)
        told = r"^malformed: ValueError in unpacking ext type 7 \(datetime\)$"
        with pytest.raises(RemoteProtocolError, match=told):
            Codec([time_type()]).decode(blob)


@pytest.mark.parametrize("length", [1, 1000])
def test_a_key_that_no_map_can_have_is_told(length: int) -> None:
    blob = plain({"message_id": ID}, "at", [{(1, 2): 3}] * length)
    with pytest.raises(RemoteProtocolError, match="a key of a map is an array or a map"):
        Codec().decode(blob)


def test_packing_may_be_interrupted_by_packing() -> None:
    """The pack function of a type may wait, and others then pack with the same codec."""

    class Outer:
        pass

    inner: list[Blob] = []

    def pack(_value: Outer) -> bytes:
        inner.append(codec.request(ID, "other", [1, 2, 3], None))
        return b"packed"

    codec = Codec([CustomType(Outer, 1, pack, lambda data: data)])
    outer = codec.request(ID, "echo", [0, Outer(), 9], None)
    assert outer == plain({"message_id": ID, "v": 3}, "echo", [0, msgpack.ExtType(1, b"packed"), 9])
    assert inner == [plain({"message_id": ID, "v": 3}, "other", [1, 2, 3])]


def test_an_error_event_of_each_version_survives() -> None:
    codec = Codec()
    for version in (1, 2, 3):
        args = error_args(version, "NameError", "nope", None)
        event = codec.decode(codec.event(Event({"message_id": ID, "v": version}, ERR, args)))
        assert (event.header["v"], event.args) == (version, args)


class Nested(dict[str, Any]):
    """Packs something else of the same codec when it is asked for its items."""

    def __init__(self, codec: Codec, inner: Any) -> None:
        super().__init__(inner=inner)
        self._codec, self._inner = codec, inner
        self.meanwhile = b""

    def items(self) -> Any:
        self.meanwhile = bytes(self._codec.request(ID, "inner", [self._inner], None))
        return super().items()


def test_what_is_packed_while_something_is_being_packed_does_not_mix_with_it() -> None:
    codec = Codec()
    for _ in range(2):
        value = Nested(codec, "x" * 100)
        assert codec.decode(codec.request(ID, "outer", [1, value, 2], None)).args == [
            *(1, {"inner": "x" * 100}, 2)
        ]
        assert codec.decode(value.meanwhile) == Event(
            {"message_id": ID, "v": 3}, "inner", ["x" * 100]
        )


def test_a_pack_function_that_gives_no_bytes_is_named() -> None:
    codec = Codec([CustomType(complex, 1, str, complex)])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the pack function of 'complex' returned str, not bytes"):
        codec.request(ID, "m", [1j], None)
