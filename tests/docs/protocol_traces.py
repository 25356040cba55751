"""The worked traces of docs/protocol.md: their events, and an encoder that annotates every byte.

It must not use the library: the traces are evidence only as long as another hand made them.
`python -m tests.docs.protocol_traces` prints the blocks as the page shows them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

REQUEST_ID = b"0123456789abcdef0123456789abcdef"
WIDTH = 42


@dataclass(frozen=True, slots=True)
class Traced:
    """One event of a trace; `sender` is ">" for the client and "<" for the server."""

    sender: str
    header: dict[str, object]
    name: str
    args: object


def fresh(number: int) -> bytes:
    """A recognisable id for the events that nobody refers to."""
    return b"feedface" + b"%024x" % number


def opening(name: str, *args: object) -> Traced:
    """A request: the one event of a channel that has no response_to."""
    return Traced(">", {"message_id": REQUEST_ID, "v": 3}, name, list(args))


def later(sender: str, number: int, name: str, args: object) -> Traced:
    """Any later event of the channel that the request opened."""
    header: dict[str, object] = {"message_id": fresh(number), "v": 3, "response_to": REQUEST_ID}
    return Traced(sender, header, name, args)


# There are no frames to tell of: the method was not found, so nothing ran.
NO_SUCH_METHOD = "Traceback (most recent call last):\nNameError: nope\n"

TRACES: dict[str, list[Traced]] = {
    "request": [opening("add", 1, 2)],
    "heartbeat": [later(">", 1, "_zpc_hb", [0])],
    "call": [opening("add", 1, 2), later("<", 1, "OK", [3])],
    "stream": [
        opening("words", "a b c"),
        later("<", 1, "STREAM", "a"),
        later(">", 2, "_zpc_more", [100]),
        later("<", 3, "STREAM", "b"),
        later("<", 4, "STREAM", "c"),
        later("<", 5, "STREAM_DONE", None),
    ],
    "error": [opening("nope"), later("<", 1, "ERR", ["NameError", "nope", NO_SUCH_METHOD])],
    "close": [later(">", 6, "_zpc_close", [])],
}


def scalar(value: object) -> tuple[bytes, str]:
    """The MessagePack bytes and the meaning of a value that holds no other."""
    match value:
        case None:
            return b"\xc0", "null"
        case int() if 0 <= value < 128:
            return bytes([value]), str(value)
        case str() if len(value) < 32:
            return bytes([0xA0 | len(value)]) + value.encode(), f'"{value}"'
        case str():
            return bytes([0xD9, len(value)]) + value.encode(), f'"{value}"'
        case _:
            raise TypeError(f"no trace needs {value!r}")


def pieces(value: object, depth: int = 0) -> Iterator[tuple[int, bytes, str]]:
    """The MessagePack bytes of a value as (depth, bytes, meaning), for the types traces need."""
    match value:
        case bytes():
            yield depth, bytes([0xC4, len(value)]), f"bin of {len(value)} bytes"
            for start in range(0, len(value), 16):
                yield depth + 1, value[start : start + 16], ""
        case list():
            yield depth, bytes([0x90 | len(value)]), f"array of {len(value)}"
            for item in value:
                yield from pieces(item, depth + 1)
        case dict():
            yield depth, bytes([0x80 | len(value)]), f"map of {len(value)}"
            for item in itertools.chain(*value.items()):
                yield from pieces(item, depth + 1)
        case _:
            yield depth, *scalar(value)


def encode(event: Traced) -> bytes:
    """The bytes of an event."""
    return b"".join(part for _, part, _ in pieces([event.header, event.name, event.args]))


def annotated(event: Traced) -> str:
    """An event with one item a line, indented by depth, its meaning on the right."""
    lines = []
    for depth, part, meaning in pieces([event.header, event.name, event.args]):
        shown = "   " * depth + part.hex(" ")
        lines.append(f"{shown:<{WIDTH}}{'' if len(shown) < WIDTH else ' '}{meaning}".rstrip())
    return "\n".join(lines)


def compact(event: Traced) -> str:
    """An event with one line for each entry of its header and one for its name and args."""

    def spelled(*values: object) -> str:
        return " ".join("".join(part.hex() for _, part, _ in pieces(value)) for value in values)

    entries = [f"   {spelled(key, value)}" for key, value in event.header.items()]
    opened = f"93 8{len(event.header)}"
    return "\n".join(
        [f"{event.sender} {event.name}", opened, *entries, spelled(event.name, event.args)]
    )


def page(name: str) -> str:
    """All blocks of one trace, without the fence."""
    events = TRACES[name]
    return annotated(events[0]) if len(events) == 1 else "\n\n".join(map(compact, events))


if __name__ == "__main__":
    for trace in TRACES:
        print(f"<!-- trace: {trace} -->\n```\n{page(trace)}\n```\n")
