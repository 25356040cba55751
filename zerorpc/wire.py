"""Bytes <-> events: MessagePack, header keys, and the bounds that are checked before decoding.

Sans-IO, and the one place that knows how an event looks on the wire:

- Rule 1: an event is a MessagePack array of exactly three: header (map), name (str), args.
- Rule 2: ids are opaque; a `response_to` repeats the id with the type it came with (bin, str, int).
- Rule 3: what we send says `v: 3`; a missing `v` means 1.
- Rule 4: everything that a peer can make large is bounded *before* it is decoded.

It must not know what a channel is, nor which events exist beyond their names below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from msgpack import ExtraData, ExtType, Packer, Unpacker, unpackb

from zerorpc.errors import LocalProtocolError, RemoteProtocolError

Id = bytes | str | int
Frames = tuple[bytes, ...]
Blob = bytes | memoryview  # a received payload; large ones stay in the transport's memory

VERSION = 3

OK = "OK"
ERR = "ERR"
STREAM = "STREAM"
STREAM_DONE = "STREAM_DONE"
FINAL = frozenset((OK, ERR, STREAM_DONE))  # after one of these the conversation is over

CONTROL_PREFIX = "_zpc_"
HEARTBEAT = "_zpc_hb"
MORE = "_zpc_more"
CLOSE = "_zpc_close"

# An event below this size cannot hurt: 64 Ki empty maps are 4 MB once decoded. Larger ones have
# their containers counted first, which costs about 1 ns a byte.
_UNCHECKED_BYTES = 65536
# A packer keeps the largest buffer it ever filled, so one that has grown past this is replaced.
_KEEP_PACKER_BYTES = 1 << 20
_NAME_CACHE = 1024

_HEAD_2 = b"\x93\x82\xaamessage_id\xc4\x20"
_HEAD_3 = b"\x93\x83\xaamessage_id\xc4\x20"
_V3 = b"\xa1v\x03"
_V3_DEADLINE = b"\xa1v\x03\xabdeadline_ms"
_V3_RESPONSE_TO = b"\xa1v\x03\xabresponse_to"
_BEAT = b"\xa7_zpc_hb\x91\x00"


@dataclass(slots=True)
class Event:
    """One zerorpc message: `header` map, `name`, and `args` (a list, or a stream's bare item).

    Mutable, because middleware may change an event before it is sent.
    """

    header: dict[Any, Any]
    name: str
    args: Any


@dataclass(frozen=True, slots=True)
class CustomType:
    """How values of `type` travel: as MessagePack ext `code` holding `pack(value)` bytes."""

    type: type
    code: int
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


class Codec:
    """Encodes and decodes events under the given bounds and custom types.

    `max_event_bytes` bounds an event both ways, `max_containers` the arrays and maps in a received
    one. Not thread-safe, except `beat`, which the watchdog thread calls.
    """

    def __init__(
        self,
        types: Iterable[CustomType] = (),
        max_event_bytes: int = 256 << 20,
        max_containers: int = 250_000,
    ) -> None:
        self.max_event_bytes = max_event_bytes
        self.max_containers = max_containers
        self._by_type = {entry.type: entry for entry in types}
        self._by_code = {entry.code: entry for entry in self._by_type.values()}
        self._unpack = partial(
            unpackb,
            raw=False,
            strict_map_key=False,
            ext_hook=self._unpack_ext if self._by_code else ExtType,
        )
        self._names: dict[str, bytes] = {}
        self._renew_packer()

    # -- encoding ----------------------------------------------------------------------------

    def request(self, message_id: bytes, name: str, args: Any, deadline_ms: int | None) -> bytes:
        """Return an opening event without further header keys, the fast way.

        Raises what MessagePack raises for a value it cannot carry, and `LocalProtocolError`.
        """
        body = self._pack(args)
        packed_name = self._names.get(name) or self._pack_name(name)
        if deadline_ms is None:
            head = (_HEAD_2, message_id, _V3)
        else:
            head = (_HEAD_3, message_id, _V3_DEADLINE + self._pack(deadline_ms))
        return self._bounded(b"".join((*head, packed_name, body)))

    def reply(self, message_id: bytes, tail: bytes, name: str, args: Any) -> bytes:
        """Return an event on an open channel; `tail` is what `reply_tail` made of its id."""
        body = self._pack(args)
        packed_name = self._names.get(name) or self._pack_name(name)
        return self._bounded(b"".join((_HEAD_3, message_id, tail, packed_name, body)))

    def event(self, event: Event) -> bytes:
        """Return `event` encoded with whatever its header holds."""
        return self._bounded(self._pack((event.header, event.name, event.args)))

    def reply_tail(self, channel_id: Id) -> bytes:
        """Return the constant part of the header of every event that answers `channel_id`."""
        if type(channel_id) is bytes and len(channel_id) == 32:
            return _V3_RESPONSE_TO + b"\xc4\x20" + channel_id
        return _V3_RESPONSE_TO + self._pack(channel_id)

    @staticmethod
    def beat(message_id: bytes, tail: bytes) -> bytes:
        """Return a heartbeat; touches nothing shared, so that any thread may call it."""
        return b"".join((_HEAD_3, message_id, tail, _BEAT))

    def _renew_packer(self) -> None:
        self._packer = Packer(
            use_bin_type=True, default=self._pack_custom if self._by_type else None
        )
        self._pack_into = self._packer.pack

    def _pack(self, value: Any) -> bytes:
        packed: bytes = self._pack_into(value)
        if len(packed) > _KEEP_PACKER_BYTES:
            self._renew_packer()
        return packed

    def _pack_name(self, name: str) -> bytes:
        packed = self._pack(name)
        if len(self._names) >= _NAME_CACHE:  # names come from callers: keep the cache bounded
            self._names.clear()
        self._names[name] = packed
        return packed

    def _bounded(self, blob: bytes) -> bytes:
        if len(blob) > self.max_event_bytes:
            raise LocalProtocolError(
                f"event of {len(blob)} bytes, at most {self.max_event_bytes} are allowed"
            )
        return blob

    def _pack_custom(self, value: Any) -> ExtType:
        for base in type(value).__mro__:
            entry = self._by_type.get(base)
            if entry is not None:
                return ExtType(entry.code, entry.pack(value))
        raise TypeError(f"can not serialize {type(value).__name__!r} object")

    # -- decoding ----------------------------------------------------------------------------

    def decode(self, blob: Blob) -> Event:
        """Return the event in `blob`; raises `RemoteProtocolError` with the reason to count."""
        if len(blob) > _UNCHECKED_BYTES:
            self._check_bounds(blob)
        try:
            parts = self._unpack(blob)
        except ExtraData as extra:  # stock ignores trailing bytes, so we do
            parts = extra.unpacked  # type: ignore[attr-defined]  # the stubs lack it
        except Exception as error:  # also whatever a custom type's `unpack` raises
            raise RemoteProtocolError("malformed", f"{type(error).__name__}: {error}") from error
        if type(parts) is not list or len(parts) != 3:
            raise RemoteProtocolError("not_an_event", "not an array of three")
        header, name, args = parts
        if type(name) is not str:
            name = _decode_name(name)
        return Event(header if type(header) is dict else {}, name, args)

    def _check_bounds(self, blob: Blob) -> None:
        if len(blob) > self.max_event_bytes:
            raise RemoteProtocolError(
                "too_large", f"event of {len(blob)} bytes, at most {self.max_event_bytes} are taken"
            )
        if has_more_containers(blob, self.max_containers):
            raise RemoteProtocolError(
                "too_many_containers",
                f"more than {self.max_containers} arrays and maps",
            )

    def _unpack_ext(self, code: int, data: bytes) -> Any:
        entry = self._by_code.get(code)
        return ExtType(code, data) if entry is None else entry.unpack(data)


def _decode_name(name: object) -> str:
    """Return a bin name as text: old peers and stock's `Pusher` send method names so."""
    if type(name) is bytes:
        try:
            return name.decode()
        except UnicodeDecodeError:
            pass
    raise RemoteProtocolError("bad_name", f"event name is {type(name).__name__}, not str")


def message_version(header: Mapping[Any, Any]) -> int:
    """Return the protocol version that a header claims, 1 if none.

    Raises `RemoteProtocolError` for one that is not an integer.
    """
    version = header.get("v", 1)
    if type(version) is not int:
        raise RemoteProtocolError("bad_version", f"v is {version!r:.40}")
    return version


def error_args(version: int, name: str, message: str, traceback: str | None) -> list[Any]:
    """Return the args of an ERR as a peer of protocol `version` reads them: v1 knows one text."""
    return [f"{name}({message!r})"] if version < 2 else [name, message, traceback]


def is_id(value: object) -> bool:
    """Tell whether `value` can be a message id: bin, str or int (a bool is none)."""
    return type(value) in (bytes, str, int)


def peek_header(blob: Blob) -> dict[Any, Any]:
    """Return the header of an event without decoding its args; `{}` when there is none to be had.

    For events that are refused for their size: only the first 4 KiB are looked at.
    """
    unpacker = Unpacker(raw=False, strict_map_key=False)
    unpacker.feed(memoryview(blob)[:4096])
    try:
        header = unpacker.unpack() if unpacker.read_array_header() == 3 else None
    except Exception:  # whatever is wrong with it, there is no header to be had
        return {}
    return header if type(header) is dict else {}


# -- counting containers without building them ---------------------------------------------------

_CONTAINER_BYTES = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
# A run of values that hold no other value and whose length the first byte tells. The repeat is
# bounded because `re` keeps a mark per iteration.
_SCALARS = re.compile(
    rb"(?:[\x00-\x7f\xc0-\xc3\xe0-\xff]|[\xcc\xd0].|[\xcd\xd1].{2}|[\xca\xce\xd2].{4}"
    rb"|[\xcb\xcf\xd3].{8}|\xd4.{2}|\xd5.{3}|\xd6.{5}|\xd7.{9}|\xd8.{17}|"
    + b"|".join(b"%b.{%d}" % (re.escape(bytes([0xA0 + n])), n) for n in range(32))
    + rb"){0,4096}",
    re.DOTALL,
)
# first byte -> (bytes of the length field, bytes between length and body)
_SIZED = {
    **dict.fromkeys((0xC4, 0xD9), (1, 0)),
    **dict.fromkeys((0xC5, 0xDA), (2, 0)),
    **dict.fromkeys((0xC6, 0xDB), (4, 0)),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
}
_CONTAINER_HEADER = {0xDC: 3, 0xDE: 3, 0xDD: 5, 0xDF: 5}


# So many steps of the walk cost less than one pass over a large event.
_FREE_STEPS = 256


def has_more_containers(blob: Blob, limit: int) -> bool:
    """Tell whether `blob` holds more than `limit` arrays and maps, building none of them.

    Walks over a few large values; many small ones get an upper bound in one pass of C (about 1 ns a
    byte) first, and only what is rich in suspicious bytes is walked on, no further than the limit.
    """
    if len(blob) <= limit:
        return False
    position, end, containers, steps = 0, len(blob), 0, 0
    while position < end:
        steps += 1
        if steps == _FREE_STEPS and not _may_hold(blob, limit):
            return False
        first = blob[position]
        if 0x80 <= first <= 0x9F or first in _CONTAINER_HEADER:
            containers += 1
            if containers > limit:
                return True
            position += _CONTAINER_HEADER.get(first, 1)
        elif first in _SIZED:
            length_bytes, gap = _SIZED[first]
            start = position + 1 + length_bytes
            position = start + gap + int.from_bytes(blob[position + 1 : start], "big")
        else:
            run = _SCALARS.match(blob, position)
            if run is None or run.end() == position:
                return False  # cut short or not MessagePack: the decoder will say so
            position = run.end()
    return False


def _may_hold(blob: Blob, limit: int) -> bool:
    """Tell whether enough bytes of `blob` look like the first of a container."""
    return len(blob) - len(bytes(blob).translate(None, _CONTAINER_BYTES)) > limit
