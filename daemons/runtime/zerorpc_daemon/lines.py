"""A line of the log as text: one JSON object, or for the eyes.

Sans-IO. Keys come in the order `ts`, `level`, `event`, then as they were given. Values are names,
numbers and reasons; arguments of calls are nobody's business here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

# A line must fit into what tools read at once; a traceback is told to its last 16 KB.
_MOST_CHARACTERS = 16_384
_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31"}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened: `time` is in seconds since 1970."""

    time: float
    level: str
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)


def as_json(line: Line) -> str:
    """Return a line of JSON, in UTC, without its end."""
    stamp = datetime.fromtimestamp(line.time, timezone.utc)
    head = {
        "ts": f"{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond // 1000:03d}Z",
        "level": line.level,
        "event": line.event,
    }
    body = {key: _plain(value) for key, value in line.fields.items() if key not in head}
    return json.dumps(head | body, ensure_ascii=False, default=_text)


def as_console(line: Line, *, is_coloured: bool, zone: timezone | None = None) -> str:
    """Return a readable line, in local time; a traceback takes further ones."""
    level = f"{line.level.upper():7}"
    if is_coloured:
        level = f"\x1b[{_COLOURS.get(line.level, '0')}m{level}\x1b[0m"
    stamp = datetime.fromtimestamp(line.time, zone)
    words = [f"{stamp:%H:%M:%S}.{stamp.microsecond // 1000:03d}", level, _shown(line.event)]
    fields = dict(line.fields)
    traceback = str(fields.pop("traceback", ""))
    words += [f"{key}={_word(_plain(value))}" for key, value in fields.items()]
    return "\n".join([" ".join(words), *map(_shown, traceback.splitlines()[-200:])])


def _plain(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        return f"...{value[-_MOST_CHARACTERS:]}"
    return value if isinstance(value, str | int | float | list | dict | None) else _text(value)


def _text(value: Any) -> str:
    # Identities and tokens of peers, for which hexadecimal digits are the usual name.
    return value.hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _word(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=_text)
    is_bare = text.isprintable() and text and not set(text) & set(" \"'=")
    return text if is_bare or not isinstance(value, str) else repr(text)


def _shown(text: str) -> str:
    # What a peer sends must not move the cursor.
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
