"""Messages made by hand: of protocol versions whose peers need Python 2, and malformed ones.

The versions differ as docs/protocol.md tells: v1 and v2 have no `_zpc_more`, their `_zpc_hb [n]`
carries the credit; a v1 ERR is a single text; v1 headers may lack `v`; ids are raw strings where
the peer's MessagePack had no bin type.
"""

from __future__ import annotations

import struct
from typing import Any

from msgpack import ExtType, packb

from tests.data.captured import Captured

_ID = "e2a6b5c1d0f94b0b8a7f6e5d4c3b2a19"
_NEXT = "e2a6b5c2d0f94b0b8a7f6e5d4c3b2a19"
_HEAD = {"message_id": _ID.encode(), "v": 3}


def _old(event: Any) -> bytes:
    """Pack as MessagePack did before it told text from bytes: one raw type for both."""
    packed: bytes = packb(event, use_bin_type=False)
    return packed


def _new(event: Any) -> bytes:
    packed: bytes = packb(event, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def version_1() -> list[Captured]:
    """Return what peers of protocol version 1 send, which may or may not say so."""

    def entry(what: str, sender: str, header: dict[str, Any], name: str, args: Any) -> Captured:
        frames = (b"", _old([header, name, args]))
        return Captured(what, sender, "v1", "1", frames)

    opening, answer = {"message_id": _ID}, {"message_id": _NEXT, "response_to": _ID}
    return [
        entry("request without v", "client", opening, "add", [1, 2]),
        entry("request that says v 1", "client", {**opening, "v": 1}, "add", [1, 2]),
        entry("request with an integer id", "client", {"message_id": 7}, "hello", ["you"]),
        entry("heartbeat that grants nothing", "client", answer, "_zpc_hb", [0]),
        entry("heartbeat that grants credit", "client", answer, "_zpc_hb", [100]),
        entry("heartbeat with null", "client", answer, "_zpc_hb", None),
        entry("answer", "server", answer, "OK", [3]),
        entry("answer that says v 1", "server", {**answer, "v": 1}, "OK", [None]),
        entry("error, one text", "server", answer, "ERR", ["NameError('nope')"]),
        entry("error of Python before 3.7", "server", answer, "ERR", ["NameError('nope',)"]),
        entry("item", "server", answer, "STREAM", 0),
        entry("end of stream", "server", answer, "STREAM_DONE", None),
    ]


def version_2() -> list[Captured]:
    """Return what peers of protocol version 2 send: errors of three, credit by heartbeat."""

    def entry(what: str, sender: str, header: dict[str, Any], name: str, args: Any) -> Captured:
        frames = (b"", _old([{**header, "v": 2}, name, args]))
        return Captured(what, sender, "v2", "2", frames)

    opening, answer = {"message_id": _ID}, {"message_id": _NEXT, "response_to": _ID}
    traced = {**opening, "trace_id": "c0ffee"}
    trace = 'Traceback (most recent call last):\n  File "core.py", line 1\nNameError: nope\n'
    listed = [["add", [["self", "a", "b"], None, None, [1]], "Add two numbers."]]
    return [
        entry("request", "client", opening, "add", [1, 2]),
        entry("request with a task context", "client", traced, "hello", ["caf\u00e9"]),
        Captured(
            "request of a REQ socket, which adds its delimiter itself",
            "client",
            "v2",
            "2",
            (b"", _old([{**opening, "v": 2}, "_zerorpc_inspect", []])),
        ),
        entry("heartbeat", "client", answer, "_zpc_hb", [0]),
        entry("heartbeat that grants credit", "client", answer, "_zpc_hb", [51]),
        entry("answer", "server", answer, "OK", [{"a": [1, 2.5, None]}]),
        entry("error of three", "server", answer, "ERR", ["NameError", "nope", trace]),
        entry("item", "server", answer, "STREAM", ["bare", "item"]),
        entry("end of stream", "server", answer, "STREAM_DONE", None),
        entry("inspection in list form", "server", answer, "OK", [{"methods": listed}]),
    ]


def _bad(what: str, verdict: str, payload: bytes) -> Captured:
    return Captured(what, "client", "malformed", "-", (b"", payload), verdict)


def _not_messagepack() -> list[Captured]:
    whole = _new([_HEAD, "add", [1, 2]])
    nested = b"\x91" * 5000 + b"\xc0"
    return [
        _bad("empty payload", "malformed", b""),
        _bad("byte that MessagePack never uses", "malformed", b"\xc1"),
        _bad("text protocol", "not_an_event", b"GET / HTTP/1.1\r\n\r\n"),
        *(_bad(f"cut after {n} bytes", "malformed", whole[:n]) for n in (1, 2, 13, len(whole) - 1)),
        _bad("array that claims 4 Gi items", "malformed", b"\xdd\xff\xff\xff\xff"),
        _bad("map that claims 4 Gi pairs", "malformed", b"\x93\xdf\xff\xff\xff\xff"),
        _bad("text that claims 4 GiB", "malformed", b"\x93\x80\xdb\xff\xff\xff\xff"),
        _bad(
            "text of invalid UTF-8 as name", "malformed", whole.replace(b"\xa3add", b"\xa3a\xffd")
        ),
        _bad("text of invalid UTF-8 in args", "malformed", whole[:-3] + b"\x91\xa2\xc3\x28"),
        _bad("lone surrogate", "malformed", _new([_HEAD, "echo", ["\udc80"]])),
        _bad("nested too deep", "malformed", whole[:-3] + nested),
        _bad("key that is an array", "malformed", whole[:-3] + b"\x91\x81\x90\xc0"),
        _bad("key that is a map", "malformed", whole[:-3] + b"\x91\x81\x80\xc0"),
        _bad(
            "timestamp out of range", "malformed", whole[:-3] + b"\x91\xc7\x0c\xff" + b"\xff" * 12
        ),
    ]


def _not_an_event() -> list[Captured]:
    return [
        _bad("null", "not_an_event", b"\xc0"),
        _bad("number", "not_an_event", b"\x07"),
        _bad("map", "not_an_event", _new({"header": _HEAD, "name": "add", "args": []})),
        _bad("empty array", "not_an_event", _new([])),
        _bad("array of 2", "not_an_event", _new([_HEAD, "add"])),
        _bad("array of 4", "not_an_event", _new([_HEAD, "add", [], None])),
        _bad("name is a number", "bad_name", _new([_HEAD, 42, []])),
        _bad("name is null", "bad_name", _new([_HEAD, None, []])),
        _bad("name is bytes that are no text", "bad_name", _new([_HEAD, b"\xff\xfe", []])),
        _bad("name is an array", "bad_name", _new([_HEAD, ["add"], []])),
    ]


def _bad_header() -> list[Captured]:
    return [
        _bad("header is null", "bad_id", _new([None, "add", []])),
        _bad("header is an array", "bad_id", _new([[b"message_id"], "add", []])),
        _bad("no message_id", "bad_id", _new([{"v": 3}, "add", []])),
        _bad("message_id is null", "bad_id", _new([{"message_id": None, "v": 3}, "add", []])),
        _bad("message_id is a float", "bad_id", _new([{"message_id": 1.5, "v": 3}, "add", []])),
        _bad("message_id is a bool", "bad_id", _new([{"message_id": True, "v": 3}, "add", []])),
        _bad("message_id is an array", "bad_id", _new([{"message_id": [1], "v": 3}, "add", []])),
        _bad("response_to is a map", "bad_id", _new([{**_HEAD, "response_to": {}}, "add", []])),
        _bad("v is text", "bad_version", _new([{**_HEAD, "v": "3"}, "add", []])),
        _bad("v is null", "bad_version", _new([{**_HEAD, "v": None}, "add", []])),
        _bad("v is a float", "bad_version", _new([{**_HEAD, "v": 3.0}, "add", []])),
        _bad("response to nothing", "late", _new([{**_HEAD, "response_to": b"x"}, "OK", [1]])),
        _bad("heartbeat on no channel", "stray_control", _new([_HEAD, "_zpc_hb", [0]])),
        _bad("credit on no channel", "stray_control", _new([_HEAD, "_zpc_more", [100]])),
    ]


def _bombs() -> list[Captured]:
    head = b"\x93" + _new(_HEAD) + _new("echo")
    many = 1_200_000
    return [
        _bad("1.2 M empty maps", "too_many_containers", head + _sized(0xDD, many) + b"\x80" * many),
        _bad(
            "1.2 M empty arrays", "too_many_containers", head + _sized(0xDD, many) + b"\x90" * many
        ),
        _bad(
            "1.2 M maps behind text that looks like maps",
            "too_many_containers",
            head + b"\x92" + _new("\x7f" * 70000) + _sized(0xDD, many) + b"\x80" * many,
        ),
    ]


def _sized(code: int, number: int) -> bytes:
    return struct.pack(">BI", code, number)


def _odd_but_welcome() -> list[Captured]:
    """Return what looks wrong and must be taken all the same."""
    return [
        _bad("trailing bytes", "ok", _new([_HEAD, "add", [1, 2]]) + b"\xc1\xc1"),
        _bad("v of the future", "ok", _new([{**_HEAD, "v": 99}, "add", [1, 2]])),
        _bad("name is bytes of text", "ok", _new([_HEAD, b"add", [1, 2]])),
        _bad("unknown header keys", "ok", _new([{**_HEAD, "x": [1], "y": {}}, "add", [1, 2]])),
        _bad("empty id", "ok", _new([{"message_id": b"", "v": 3}, "add", [1, 2]])),
        _bad("args are text", "ok", _new([_HEAD, "add", "ab"])),
        _bad("args are null", "ok", _new([_HEAD, "add", None])),
        _bad("map with keys of every kind", "ok", _new([_HEAD, "echo", [{1: 2, b"k": 3, "t": 4}]])),
        _bad("ext type that nobody knows", "ok", _new([_HEAD, "echo", [ExtType(42, b"\0")]])),
        _bad("bytes that look like maps", "ok", _new([_HEAD, "echo", [b"\x80" * 1_200_000]])),
        _bad(
            "nested 100 deep", "ok", b"\x93" + _new(_HEAD) + _new("echo") + b"\x91" * 100 + b"\xc0"
        ),
        Captured(
            "no delimiter",
            "client",
            "malformed",
            "-",
            (_new([_HEAD, "add", [1, 2]]),),
        ),
        Captured(
            "envelope of two hops",
            "client",
            "malformed",
            "-",
            (b"hop-1", b"hop-2", b"", _new([_HEAD, "add", [1, 2]])),
        ),
    ]


def malformed() -> list[Captured]:
    """Return what no decent peer sends, and beside it what only looks so."""
    return [
        *_not_messagepack(),
        *_not_an_event(),
        *_bad_header(),
        *_bombs(),
        *_odd_but_welcome(),
    ]
