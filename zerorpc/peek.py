"""What a hub must know of an event, read off its bytes; the arguments are never decoded.

Sans-IO. The layouts that stock zerorpc, this library and zerorpc-node send are told by comparing
literal bytes at their places (0.3 us); whatever else is an event is read by MessagePack, header
and name only (about 1.5 us). Both give the same: an id is its *packed* bytes, so that its type goes
along, it can be compared, and an answer repeats it by pasting it.

    response_to, message_id, name, version, deadline_ms, is_draining = peek(blob)

It must not know what a channel is. What cannot be read raises `RemoteProtocolError` with the reason
to count.
"""

from __future__ import annotations

from msgpack import OutOfData, Unpacker, packb

from zerorpc.deadline import time_left
from zerorpc.errors import RemoteProtocolError
from zerorpc.wire import Blob, is_id, message_version

# A packed id: what an answer repeats, and what tells one call from another.
Id = bytes
# response_to, message_id, name, v, deadline_ms, and whether the sender says that it is draining.
Peeked = tuple[Id | None, Id | None, bytes, int, int | None, bool]

# Headers are smaller: stock's have 120 bytes, and a task context adds some ids.
HEAD_BYTES = 4096
# Where one is not, as its task context holds a token, so much is looked at.
LONG_HEAD_BYTES = 65536
# The keys of a map in that, as they may be made so that each is compared with all before it.
_MOST_KEYS = 256

# The starts of opening events (two keys) and of answers (three), by stock and by node.
_STOCK_OPENING = b"\x93\x82\xaamessage_id\xc4\x20"
_STOCK_TIMED = b"\x93\x83\xaamessage_id\xc4\x20"
_NODE_OPENING = b"\x93\x82\xa1v\x03\xaamessage_id\xd9\x24"
_NODE_ANSWER = b"\x93\x83\xa1v\x03\xaamessage_id\xd9\x24"
_V3 = b"\xa1v\x03"
_V3_RESPONSE_TO = b"\xa1v\x03\xabresponse_to"
_RESPONSE_TO = b"\xabresponse_to"
_V3_DEADLINE = b"\xa1v\x03\xabdeadline_ms"
_DEADLINE = b"\xabdeadline_ms"
_BIN_32 = b"\xc4\x20"
_OK = b"\xa2OK"
_TEXT_36 = b"\xd9\x24"

# MessagePack's unsigned integers by their first byte: how many bytes follow.
_UINT_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}


def peek(blob: Blob) -> Peeked:
    """Return what the header of an event says, and its name; see the module for the order."""
    whole = blob
    if type(blob) is not bytes:
        blob = bytes(blob[:HEAD_BYTES])
    head = blob[:15]
    response_to: bytes | None = None
    deadline_ms: int | None = None
    # Most frequent first: of a call through a hub one message opens, one answers.
    if head == _STOCK_OPENING and blob[47:50] == _V3:
        message_id, at = blob[13:47], 50
    elif head == _STOCK_TIMED:
        message_id = blob[13:47]
        if blob[47:62] == _V3_RESPONSE_TO:
            response_to, at = _id_at(blob, 62)
        elif blob[47:62] == _V3_DEADLINE:
            deadline_ms, at = _uint_at(blob, 62)
        else:
            return _peek_slowly(whole)
    elif blob[:18] == _NODE_OPENING:
        message_id, at = blob[16:54], 54
    elif blob[:18] == _NODE_ANSWER and blob[54:66] == _RESPONSE_TO:
        message_id = blob[16:54]
        response_to, at = _id_at(blob, 66)
    else:
        return _peek_slowly(whole)
    name = _text_at(blob, at)
    if name is None:
        return _peek_slowly(whole)
    return response_to, message_id, name, 3, deadline_ms, False


def peek_opening(blob: Blob) -> tuple[Id, bytes, int | None] | None:
    """Return id, name and `deadline_ms` of what opens a call in Python's layout, None for others.

    For where most events do: half of the cost of `peek`.
    """
    if type(blob) is not bytes:
        return None
    head = blob[:15]
    deadline_ms: int | None = None
    try:
        if head == _STOCK_OPENING and blob[47:50] == _V3:
            at = 50
        elif head == _STOCK_TIMED and blob[47:62] == _V3_DEADLINE:
            if blob[62] == 0xCD:  # from 0.3 to 65 s, as most are
                deadline_ms, at = (blob[63] << 8) + blob[64], 65
            else:
                deadline_ms, at = _uint_at(blob, 62)
        else:
            return None
        end = at + blob[at] - 0x9F
    except IndexError:
        return None
    name = blob[at + 1 : end]
    # Not so where the byte was no short text's, or the text is not whole.
    return (blob[13:47], name, deadline_ms) if 0 <= end - at - 1 == len(name) <= 31 else None


def peek_answer(blob: Blob) -> bytes | None:
    """Return the name of an answer that is laid out as usual and says no more, None for others.

    For where only the end of a conversation matters: a third of the cost of `peek`.
    """
    if blob[:15] == _STOCK_TIMED and blob[47:62] == _V3_RESPONSE_TO:
        if blob[96:99] == _OK and blob[62:64] == _BIN_32:
            return b"OK"
        at = 62
    elif blob[:18] == _NODE_ANSWER and blob[54:66] == _RESPONSE_TO:
        at = 66
    else:
        return None
    kind = blob[at : at + 2]
    if kind == _BIN_32:
        at += 34
    elif kind == _TEXT_36:
        at += 38
    else:
        return None
    return _text_at(blob, at)


def _id_at(blob: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the packed id at a place, and where it ends; an end of 0 is one of another kind."""
    kind = blob[at : at + 2]
    if kind == _BIN_32:
        return blob[at : at + 34], at + 34
    if kind == _TEXT_36:
        return blob[at : at + 38], at + 38
    return None, 0


def _uint_at(blob: bytes, at: int) -> tuple[int | None, int]:
    """Return the unsigned integer at a place, and where it ends, 0 where there is none."""
    first = blob[at] if at < len(blob) else 0xC1
    if first < 0x80:
        return first, at + 1
    size = _UINT_BYTES.get(first)
    if size is None:
        return None, 0
    return int.from_bytes(blob[at + 1 : at + 1 + size], "big"), at + 1 + size


def _text_at(blob: Blob, at: int) -> bytes | None:
    """Return the text of at most 255 bytes at a place; None where it is none, or not whole."""
    # Also for an `at` of 0: an event's first byte is no text.
    if at >= len(blob):
        return None
    first = blob[at]
    if 0xA0 <= first <= 0xBF:
        start, end = at + 1, at + first - 0x9F
    elif first == 0xD9 and at + 1 < len(blob):
        start, end = at + 2, at + 2 + blob[at + 1]
    else:
        return None
    text = bytes(blob[start:end])
    return text if len(text) == end - start else None


def _peek_slowly(blob: Blob) -> Peeked:
    """Read header and name with MessagePack, whatever the layout."""
    header, name = _header_and_name(blob)
    if not isinstance(header, dict):
        header = {}  # as everywhere: such an event has no id, which is told below
    version = message_version(header)
    message_id, response_to = header.get("message_id"), header.get("response_to")
    if response_to is not None:
        if not is_id(response_to):
            raise RemoteProtocolError("bad_id", "response_to is not bin, str or int")
    elif not is_id(message_id):
        raise RemoteProtocolError("bad_id", "no message_id, or not bin, str or int")
    left = time_left(header)
    return (
        None if response_to is None else packb(response_to),
        packb(message_id) if is_id(message_id) else None,
        name,
        version,
        None if left is None else header["deadline_ms"],
        header.get("draining") is True,
    )


def _header_and_name(
    blob: Blob, look_bytes: int = HEAD_BYTES, most_keys: int = -1
) -> tuple[object, bytes]:
    head = bytes(blob[:look_bytes])
    unpacker = Unpacker(raw=False, strict_map_key=False, max_array_len=256, max_map_len=most_keys)
    unpacker.feed(head)
    try:
        if unpacker.read_array_header() != 3:
            raise RemoteProtocolError("not_an_event", "not an array of three")
        header = unpacker.unpack()
        name = unpacker.unpack()
    except RemoteProtocolError:
        raise
    except Exception as error:
        if isinstance(error, OutOfData) and look_bytes == HEAD_BYTES < len(blob):
            return _header_and_name(blob, LONG_HEAD_BYTES, _MOST_KEYS)
        # A text that starts as a number does ("GET /") is a value, but no array.
        reason = "malformed" if _may_be_array(head) else "not_an_event"
        raise RemoteProtocolError(reason, type(error).__name__) from error
    if isinstance(name, str):
        return header, name.encode("utf-8", "surrogatepass")
    if isinstance(name, bytes):
        return header, name
    raise RemoteProtocolError("bad_name", f"event name is {type(name).__name__}, not str")


def _may_be_array(head: bytes) -> bool:
    return not head or head[0] in (0xC1, 0xDC, 0xDD) or 0x90 <= head[0] <= 0x9F


def less_time(blob: Blob, spent_ms: int) -> Blob:
    """Return the event with `deadline_ms` reduced by the time it has spent waiting, 0 at least.

    Everything else stays as it is, byte for byte; so does an event without that key.
    """
    head = bytes(blob[:HEAD_BYTES])
    if head[:15] == _STOCK_OPENING and head[47:50] == _V3:
        return blob  # with both its keys
    if head[:15] == _STOCK_TIMED and head[50:62] == _DEADLINE:
        at = 62
    else:
        head = bytes(blob[:LONG_HEAD_BYTES])
        at = _deadline_place(head) if _DEADLINE in head else 0
    left, end = _uint_at(head, at) if at else (None, 0)
    if left is None:
        return blob
    packed: bytes = packb(max(0, left - spent_ms))
    return b"".join((blob[:at], packed, blob[end:]))


def _deadline_place(head: bytes) -> int:
    """Return where the value of the header's own key `deadline_ms` begins, 0 without one.

    The same bytes may lie in a value of the header or in the arguments.
    """
    unpacker = Unpacker(raw=False, strict_map_key=False, max_array_len=256)
    unpacker.feed(head)
    try:
        unpacker.read_array_header()
        for _ in range(unpacker.read_map_header()):
            if unpacker.unpack() == "deadline_ms":
                return unpacker.tell()
            unpacker.skip()
    except Exception:  # whatever is wrong with it: there is no such key to be had
        return 0
    return 0
