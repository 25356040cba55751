"""What clients and workers say to each other, as bytes that only have to be put together.

All messages of one kind differ in the last eight bytes of their call's id. So a batch of requests,
whatever envelopes a hub has put before them, becomes the batch of their answers by replacing what
stands around the ids: a tenth of a microsecond for each, where reading frames takes more than one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from msgpack import packb

ID_BYTES = 8
# What all ids begin with; with the eight bytes they are as long as stock's.
_IDS = b"calls-of-the-benchmark--"
_FILLER = b"an-event-that-nobody-refers-to--"
_MOST_SHORT = 255

_OPENING = b"\x93\x82\xaamessage_id\xc4\x20" + _IDS
_LATER = b"\x93\x83\xaamessage_id\xc4\x20" + _FILLER + b"\xa1v\x03\xabresponse_to\xc4\x20" + _IDS
_V3 = b"\xa1v\x03"
_ARGS: bytes = packb(["hello pycon"])
# Milliseconds, in three bytes whatever is left of them after a wait in a queue.
_DEADLINE_MS = 30_000
_WINDOW: bytes = packb("_zpc_more") + packb([100])


@dataclass(frozen=True, slots=True)
class Script:
    """The bytes of one kind of call.

    `request` makes all that a client says of a call with these eight bytes in its id. `rules` turn
    what workers hear into what they answer, `ends` are how what they hear ends. `done` stands once
    in the answers to each call. A large message is no matter of batches: `body` follows its id.
    """

    request: Callable[[bytes], bytes]
    rules: tuple[tuple[bytes, bytes], ...]
    ends: tuple[bytes, ...]
    done: bytes
    answer_bytes: int = 0  # of a large message
    events: int = 2  # of one call, in both directions together

    @property
    def is_large(self) -> bool:
        """Whether messages are answered one by one."""
        return bool(self.answer_bytes)


def _message(before: bytes, behind: bytes) -> tuple[bytes, bytes]:
    """Return what stands before and behind the eight bytes, delimiter and frame's header too."""
    size = len(before) + ID_BYTES + len(behind)
    header = bytes((0, size)) if size <= _MOST_SHORT else b"\x02" + struct.pack(">Q", size)
    return b"\x01\x00" + header + before, behind


def _plain(opening: tuple[bytes, bytes], answer: tuple[bytes, bytes], large: int = 0) -> Script:
    head, tail = opening
    return Script(
        lambda number: head + number + tail,
        ((head, answer[0]), (tail, answer[1])),
        (tail,),
        answer[1],
        large and len(answer[0]) + ID_BYTES + len(answer[1]),
    )


def echo() -> Script:
    """Return a call of about 70 bytes, answered with 110."""
    opening = _message(_OPENING, _V3 + packb("echo") + _ARGS)
    return _plain(opening, _message(_LATER, packb("OK") + _ARGS))


def large(size: int) -> Script:
    """Return a call whose argument and whose answer have so many bytes."""
    args = packb([bytes(size)])
    opening = _message(_OPENING, _V3 + packb("echo") + args)
    return _plain(opening, _message(_LATER, packb("OK") + args), large=size)


def deadline() -> Script:
    """Return an echo that may take 30 s; its answer has what was left of them."""
    left = b"\xcd" + struct.pack(">H", _DEADLINE_MS)
    key, call = packb("deadline_ms") + left[:1], packb("echo") + _ARGS
    head, tail = _message(_OPENING.replace(b"\x82", b"\x83", 1), _V3 + key + left[1:] + call)
    done = packb("OK") + b"\x91" + left[:1]
    answer_head, _ = _message(_LATER, done + left[1:])
    return Script(
        lambda number: head + number + tail,
        ((head, answer_head), (_V3 + key, done), (call, b"")),
        (call,),
        done,
    )


def conversation() -> Script:
    """Return a call of two events each way: an item comes at once, the end when more is wanted.

    The second event must reach the worker that had the first one.
    """
    opening = _message(_OPENING, _V3 + packb("items") + _ARGS)
    more = _message(_LATER, _WINDOW)
    item = _message(_LATER, packb("STREAM") + _ARGS)
    end = _message(_LATER, packb("STREAM_DONE") + b"\xc0")
    # First what is longest: an item's head must not be taken for that of a client's event.
    rules = ((more[0], end[0]), (more[1], end[1]), (opening[0], item[0]), (opening[1], item[1]))
    return Script(
        lambda number: number.join(opening) + number.join(more),
        rules,
        (opening[1], more[1]),
        end[1],
        events=4,
    )


SCRIPTS: dict[str, Callable[[], Script]] = {
    "echo": echo,
    "deadline": deadline,
    "conversation": conversation,
    "large": lambda: large(1 << 20),
}
