"""Bytes <-> events: MessagePack, header keys, and the bounds that are checked before decoding.

Sans-IO, and the one place that knows how an event looks on the wire:

- Rule 1: an event is a MessagePack array of exactly three: header (map), name (str), args.
- Rule 2: ids are opaque; a `response_to` repeats the id with the type it came with (bin, str, int).
- Rule 3: what we send says `v: 3`; a missing `v` means 1.
- Rule 4: what a peer claims is bounded before it is believed: an event costs no more memory and
  time than its own size and the limits justify.

It must not know what a channel is, nor which events exist beyond their names below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

from msgpack import ExtraData, ExtType, Packer, Unpacker, packb, unpackb

from zerorpc.collisions import HARMLESS_KEYS
from zerorpc.containers import (
    checked_map,
    has_many_timestamps,
    may_have_more,
    unpack_counted,
    what_is_wrong,
)
from zerorpc.errors import LocalProtocolError, RemoteProtocolError
from zerorpc.memory import keep_freed_buffers

Id = bytes | str | int
Blob = bytes | memoryview  # a payload; a large one stays where it was received or packed
Envelope = tuple[bytes, ...]  # routing frames, those before the delimiter
Frames = tuple[Blob, ...]  # a message to send: envelope, delimiter, payload

VERSION = 3

OK = "OK"
ERR = "ERR"
STREAM = "STREAM"
STREAM_DONE = "STREAM_DONE"
FINAL = frozenset((OK, ERR, STREAM_DONE))  # after one of these the conversation is over

# What the ERR of a server is called that is about to stop: the call was not started.
DRAINING = "Draining"

# What the protocol itself puts into headers, and no middleware may.
HEADER_KEYS = frozenset(("message_id", "v", "response_to", "deadline_ms"))

# Names of events below the calls: free of credit, and never seen by a method.
CONTROL_PREFIX = "_zpc_"
HEARTBEAT = "_zpc_hb"
MORE = "_zpc_more"
CLOSE = "_zpc_close"

# The builtin by which hubs find out how their workers are.
PING = "_zerorpc_ping"

# An event below this size cannot hurt by its containers: 64 Ki empty maps are 4 MB once decoded.
_UNCOUNTED_BYTES = 65536
# Nor, below this, by the keys of its maps.
_HARMLESS_BYTES = 4096
# MessagePack makes a list as long as an array says it is, items or not, and nested claims add up:
# 5 KB that claim 1000 x 1000 items cost 13 ms. Longer arrays are decoded after a dry run only.
_SHORT_ARRAY = 256
# Enough for any header, and little enough to be looked at in vain.
_PEEKED_BYTES = 4096
# A packer keeps the largest buffer it ever filled, so one that has grown past this is replaced.
_KEEP_PACKER_BYTES = 4 << 20
# Above this the next event is packed in one piece, since it may be as large; see `_pack_large`.
_LARGE_BYTES = 65536
_NAME_CACHE = 1024
# Ids and envelopes go back with every event of a channel, heartbeats too, and are kept with it:
# unbounded, one request of 100 MB would have us send as much every few seconds. Those of stock and
# of zerorpc-node have 32 and 36 characters; a hub adds one frame of five bytes.
_ID_LENGTH = 255
_ENVELOPE_BYTES = 65536
_FRAME_BYTES = 64  # what a frame costs beside what is in it

# Headers of 2, 3 and 4 entries up to the 32 bytes of our own ids: put together from constants they
# cost 0.2 us, packed as dicts 0.8 us.
_HEAD_2 = b"\x93\x82\xaamessage_id\xc4\x20"
_HEAD_3 = b"\x93\x83\xaamessage_id\xc4\x20"
_HEAD_4 = b"\x93\x84\xaamessage_id\xc4\x20"
_V3 = b"\xa1v\x03"
_V3_DEADLINE = b"\xa1v\x03\xabdeadline_ms"
_V3_RESPONSE_TO = b"\xa1v\x03\xabresponse_to"
_DRAINING_MARK = b"\xa8draining\xc3"
_BEAT = b"\xa7_zpc_hb\x91\x00"


class Event:
    """One zerorpc message: `header` map, `name`, and `args` (a list, or a stream's bare item).

    Mutable, because middleware may change an event before it is sent.
    """

    # Not a dataclass: to have one made takes as long as to load five modules, at each start.
    __slots__ = ("args", "header", "name")

    def __init__(self, header: dict[Any, Any], name: str, args: Any) -> None:
        self.header = header
        self.name = name
        self.args = args

    def __eq__(self, other: object) -> bool:
        if type(other) is not Event:
            return NotImplemented
        return (self.header, self.name, self.args) == (other.header, other.name, other.args)

    __hash__ = None  # type: ignore[assignment]  # as for all that may change

    def __repr__(self) -> str:
        return f"Event(header={self.header!r}, name={self.name!r}, args={self.args!r})"


class CustomType(NamedTuple):
    """How values of `type` travel: as MessagePack ext `code` holding `pack(value)` bytes."""

    type: type
    code: int
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


class Codec:
    """Encodes and decodes events under the given bounds and custom types.

    `max_event_bytes` bounds an event both ways, `max_containers` the arrays and maps in a received
    one, `max_items` the values in all of these together, keys included. Not thread-safe, except
    `reply_tail` and `beat`, which the watchdog thread calls.
    """

    def __init__(
        self,
        types: Iterable[CustomType] = (),
        max_event_bytes: int = 256 << 20,
        max_containers: int = 250_000,
        max_items: int = 4_000_000,
    ) -> None:
        self.max_event_bytes = max_event_bytes
        self.max_containers = max_containers
        self.max_items = max_items
        self._by_code = {entry.code: entry for entry in types}
        self._by_type = {entry.type: entry for entry in self._by_code.values()}
        # Smaller than all bounds there are: one comparison tells that none needs to be looked at.
        self._uncounted_bytes = min(_UNCOUNTED_BYTES, max_event_bytes, max_containers, max_items)
        self._harmless_bytes = min(_HARMLESS_BYTES, self._uncounted_bytes)
        # Without custom types the function itself: a `partial` makes it half as slow again.
        self._unpack: Callable[..., Any] = (
            partial(unpackb, ext_hook=self._unpack_ext) if self._by_code else unpackb
        )
        # For what is packed while the packer is at work; slower, as it makes one each time.
        self._pack_apart: Callable[[Any], bytes] = (
            partial(packb, default=self._pack_custom) if self._by_type else packb
        )
        self._pack_into: Callable[[Any], bytes] = self._pack_apart
        self._was_large = False
        self._names: dict[str, bytes] = {}
        self._deadline_ms: int | None = None
        self._deadline_tail = b""
        self._renew_packer()

    # -- encoding ----------------------------------------------------------------------------

    def request(self, message_id: bytes, name: str, args: Any, deadline_ms: int | None) -> Blob:
        """Return an opening event without further header keys, the fast way.

        Raises what MessagePack raises for a value it cannot carry, and `LocalProtocolError`.
        """
        if self._was_large:
            header: dict[str, Any] = {"message_id": message_id, "v": VERSION}
            if deadline_ms is not None:
                header["deadline_ms"] = deadline_ms
            return self._pack_large((header, name, args))
        body = self._pack(args)
        packed_name = self._names.get(name) or self._pack_name(name)
        if deadline_ms is None:
            blob = b"".join((_HEAD_2, message_id, _V3, packed_name, body))
        else:
            # Nearly all calls of a client have the same.
            if deadline_ms != self._deadline_ms:
                self._deadline_tail = _V3_DEADLINE + self._pack(deadline_ms)
                self._deadline_ms = deadline_ms
            blob = b"".join((_HEAD_3, message_id, self._deadline_tail, packed_name, body))
        if len(blob) > self.max_event_bytes:
            self._refuse(blob)
        return blob

    def reply(self, message_id: bytes, tail: bytes, name: str, args: Any) -> Blob:
        """Return an event on an open channel; `tail` is what `reply_tail` made of its id."""
        if self._was_large:
            channel_id = unpackb(tail[len(_V3_RESPONSE_TO) :])
            header = {"message_id": message_id, "v": VERSION, "response_to": channel_id}
            return self._pack_large((header, name, args))
        body = self._pack(args)
        packed_name = self._names.get(name) or self._pack_name(name)
        blob = b"".join((_HEAD_3, message_id, tail, packed_name, body))
        if len(blob) > self.max_event_bytes:
            self._refuse(blob)
        return blob

    def event(self, event: Event) -> Blob:
        """Return `event` encoded with whatever its header holds."""
        header, name = event.header, event.name
        message_id: Any = header.get("message_id")
        # Middleware leaves most as they were made: then they go the fast way after all. By the
        # class, as whoever watches this codec's methods has heard of the event already.
        is_usual = type(message_id) is bytes and len(message_id) == 32 and type(name) is str
        if is_usual and header.get("v") == VERSION:
            if len(header) == 2:
                return Codec.request(self, message_id, name, event.args, None)
            if len(header) == 3 and "response_to" in header:
                tail = self.reply_tail(header["response_to"])
                return Codec.reply(self, message_id, tail, name, event.args)
            if len(header) == 3 and type(deadline_ms := header.get("deadline_ms")) is int:
                return Codec.request(self, message_id, name, event.args, deadline_ms)
        blob = self._pack((header, name, event.args))
        if len(blob) > self.max_event_bytes:
            self._refuse(blob)
        return blob

    def reply_tail(self, channel_id: Id) -> bytes:
        """Return the constant part of the header of every event that answers `channel_id`."""
        # Those of stock and our own, without a call of the packer.
        if type(channel_id) is bytes and len(channel_id) == 32:
            return _V3_RESPONSE_TO + b"\xc4\x20" + channel_id
        packed: bytes = packb(channel_id)
        return _V3_RESPONSE_TO + packed

    def beat(self, message_id: bytes, tail: bytes, *, is_draining: bool = False) -> bytes:
        """Return a heartbeat."""
        if is_draining:
            return b"".join((_HEAD_4, message_id, tail, _DRAINING_MARK, _BEAT))
        return b"".join((_HEAD_3, message_id, tail, _BEAT))

    def _renew_packer(self) -> None:
        self._pack_into = self._pack_apart if self._by_type else Packer().pack

    def _pack(self, value: Any) -> bytes:
        # Taken out while it works: MessagePack asks subclasses of dict for their items, and a
        # custom type for its bytes, which may switch greenlets or pack something themselves. What
        # they added would stand in the middle of what is here.
        pack, self._pack_into = self._pack_into, self._pack_apart
        try:
            packed = pack(value)
        except BaseException:
            self._renew_packer()
            raise
        if pack is not self._pack_apart:
            self._pack_into = pack
        if len(packed) > _LARGE_BYTES:
            keep_freed_buffers()
            self._was_large = not self._by_type
            if len(packed) > _KEEP_PACKER_BYTES:
                self._renew_packer()
        return packed

    def _pack_large(self, event: tuple[dict[str, Any], str, Any]) -> Blob:
        """Return a whole event as it lies in the buffer of a packer of its own.

        The buffer is not copied: to join header and body would be a copy, and to make bytes of the
        packer's buffer another, in fresh memory each time, whose pages cost as much as the copy.
        """
        packer = Packer(autoreset=False)
        packer.pack(event)
        blob = packer.getbuffer()
        if len(blob) > self.max_event_bytes:
            self._refuse(blob)
        if len(blob) <= _LARGE_BYTES:
            self._was_large = False
            return bytes(blob)
        return blob

    def _pack_name(self, name: str) -> bytes:
        packed = self._pack(name)
        if len(self._names) >= _NAME_CACHE:  # names come from callers: keep the cache bounded
            self._names.clear()
        self._names[name] = packed
        return packed

    def _refuse(self, blob: Blob) -> NoReturn:
        raise LocalProtocolError(
            f"event of {len(blob)} bytes, at most {self.max_event_bytes} are allowed"
        )

    def _pack_custom(self, value: Any) -> ExtType:
        # Only asked for what MessagePack cannot carry; so a subclass of `int` goes as an int.
        for base in type(value).__mro__:
            entry = self._by_type.get(base)
            if entry is not None:
                packed: Any = entry.pack(value)
                if not isinstance(packed, bytes):
                    kinds = f"{base.__name__!r} returned {type(packed).__name__}"
                    raise TypeError(f"the pack function of {kinds}, not bytes")
                return ExtType(entry.code, packed)
        raise TypeError(f"can not serialize {type(value).__name__!r} object")

    # -- decoding ----------------------------------------------------------------------------

    def decode(self, blob: Blob) -> Event:
        """Return the event in `blob`; raises `RemoteProtocolError` with the reason to count."""
        is_suspect = len(blob) > self._harmless_bytes and self._is_suspect(blob)
        try:
            # Not strict, or a map with int keys, which a server may well return, would be refused.
            if not is_suspect:
                parts = self._unpack(
                    blob,
                    strict_map_key=False,
                    max_array_len=_SHORT_ARRAY,
                    max_map_len=HARMLESS_KEYS,
                )
            else:
                parts = unpack_counted(blob, self.max_containers, self.max_items, self._unpack_ext)
        except ExtraData as extra:  # stock ignores trailing bytes, so we do
            parts = extra.unpacked  # type: ignore[attr-defined]  # the stubs lack it
        except RemoteProtocolError:
            raise
        except Exception as error:
            parts = self._unpack_again(blob, error)
        if type(parts) is not list or len(parts) != 3:
            raise RemoteProtocolError("not_an_event", "not an array of three")
        header, name, args = parts
        # Types are compared, not asked for by `isinstance`: decoded values have no subclasses, and
        # it is faster.
        if type(name) is not str:
            name = _decode_name(name)
        return Event(header if type(header) is dict else {}, name, args)

    def _is_suspect(self, blob: Blob) -> bool:
        """Tell whether what is in a large event must be counted while it is decoded."""
        if len(blob) <= self._uncounted_bytes:
            return has_many_timestamps(blob)
        keep_freed_buffers()
        if len(blob) > self.max_event_bytes:
            raise RemoteProtocolError(
                "too_large", f"event of {len(blob)} bytes, at most {self.max_event_bytes} are taken"
            )
        return may_have_more(blob, self.max_containers, self.max_items) or has_many_timestamps(blob)

    def _unpack_again(self, blob: Blob, before: Exception) -> Any:
        """Return a value that holds long arrays, once their items were all seen to be there.

        Of long maps the keys are looked at. Raises `RemoteProtocolError` when the attempt before
        failed for another reason.
        """
        long_maps = {"object_pairs_hook": checked_map, "max_map_len": len(blob)}
        maps = long_maps if "max_map_len" in str(before) else {"max_map_len": HARMLESS_KEYS}
        try:
            # `skip` makes no objects: 5 KB that claim a million items end here, having cost
            # nothing.
            dry_run = Unpacker(max_buffer_size=len(blob))
            dry_run.feed(blob)
            dry_run.skip()
            return self._unpack(blob, strict_map_key=False, max_array_len=len(blob), **maps)
        except ExtraData as extra:
            return extra.unpacked  # type: ignore[attr-defined]  # the stubs lack it
        except RemoteProtocolError:
            raise
        except Exception as error:
            if "max_map_len" in str(error) and maps is not long_maps:
                return self._unpack_again(blob, error)
            raise RemoteProtocolError("malformed", what_is_wrong(error)) from error

    def _unpack_ext(self, code: int, data: bytes) -> Any:
        entry = self._by_code.get(code)
        if entry is None:
            return ExtType(code, data)
        try:
            return entry.unpack(data)
        except Exception as error:  # whatever it is, it is for the event's sender to know
            what = f"{type(error).__name__} in unpacking ext type {code} ({entry.type.__name__})"
            raise RemoteProtocolError("malformed", what) from error


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
        raise RemoteProtocolError("bad_version", f"v is {type(version).__name__}, not int")
    return version


def beats_first(version: int) -> bool:
    """Tell whether peers of protocol `version` send the first heartbeat of a channel themselves."""
    return version < 2


def grants_by_heartbeat(version: int) -> bool:
    """Tell whether peers of protocol `version` grant credit in heartbeats, not in `_zpc_more`."""
    return version < VERSION


def error_args(version: int, name: str, message: str, traceback: str | None) -> list[Any]:
    """Return the args of an ERR as a peer of protocol `version` reads them: v1 knows one text."""
    return [f"{name}({message!r})"] if version < 2 else [name, message, traceback]


def is_id(value: object) -> bool:
    """Tell whether `value` can be a message id: bin or str of some length, or int (no bool)."""
    kind = type(value)
    if kind is bytes or kind is str:
        return len(value) <= _ID_LENGTH  # type: ignore[arg-type]  # as it is one of these
    return kind is int


def envelope_of(frames: list[Blob]) -> Envelope:
    """Return the routing frames of a message: all before the delimiter, which is not looked at."""
    # Only a payload can be a memoryview. Without a hub on the way there is the identity alone.
    if len(frames) <= 3:
        return (frames[0],)  # type: ignore[return-value]
    return tuple(frames[:-2])  # type: ignore[arg-type]


def is_long_envelope(frames: Sequence[Blob], most: int = _ENVELOPE_BYTES) -> bool:
    """Tell whether the routing frames of a message are more than any chain of hubs adds."""
    return sum(len(frame) + _FRAME_BYTES for frame in frames[:-1]) > most


def peek_header(blob: Blob) -> dict[Any, Any]:
    """Return the header of an event without decoding its args; `{}` when there is none to be had.

    For events that cannot be decoded whole: only the first 4 KiB are looked at.
    """
    unpacker = Unpacker(raw=False, strict_map_key=False, max_array_len=_SHORT_ARRAY)
    # A part only, since the unpacker copies what it is fed.
    unpacker.feed(memoryview(blob)[:_PEEKED_BYTES])
    try:
        header = unpacker.unpack() if unpacker.read_array_header() == 3 else None
    except Exception:  # whatever is wrong with it, there is no header to be had
        return {}
    return header if type(header) is dict else {}
