"""How results look: text for people on a terminal, plain lines and JSON for other programs.

Only results go to stdout; what is said about them goes to stderr. Colours and aligned columns are
for terminals, and `NO_COLOR` (https://no-color.org) switches the colours off there too.
"""

from __future__ import annotations

import binascii
import contextlib
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any

from zerorpc.later import later

from .outcome import Unwritable

if TYPE_CHECKING:
    import pprint
else:
    pprint = later("pprint")

# Bold and bold red: readable on dark and on light ground.
_BOLD = "\033[1m"
_RED = "\033[1;31m"
_PLAIN = "\033[0m"
# Between columns: one space could belong to a cell.
_GAP = "  "
# A name longer than this pushes its own line out instead of all others.
_COLUMN_MAX = 32
# The width of a terminal that does not tell, as ever.
_WIDTH = 80


class Paper:
    """One stream to write on, and what may be written there: colours, columns of which width.

    `Unwritable` where the stream fails, unless what is written `may_get_lost`: of a stderr that
    fails nobody can be told.
    """

    def __init__(
        self,
        stream: IO[str],
        environ: Mapping[str, str],
        width: int | None = None,
        *,
        may_get_lost: bool = False,
    ) -> None:
        self._stream = stream
        self._may_get_lost = may_get_lost
        self.is_terminal = stream.isatty()
        # An empty value counts as unset, says no-color.org.
        has_colour = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._is_coloured = self.is_terminal and has_colour
        self._width = width or _columns(stream)

    def line(self, text: str = "") -> None:
        """Write a line, visible at once: the reader may be waiting for it in a pipe."""
        self.text(f"{text}\n")

    def text(self, text: str) -> None:
        """Write `text` as it is."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        """Write what others have left in the stream's buffer."""
        self.text("")

    def _fail(self, error: OSError) -> None:
        # What is left in its buffer would fail again when the interpreter ends, and loudly.
        discard(self._stream)
        if self._may_get_lost:
            return
        # A reader that has seen enough is no fault, and ends the program in silence.
        if isinstance(error, BrokenPipeError):
            raise error
        raise Unwritable(f"cannot write the result: {error.strerror or error}") from error

    def bold(self, text: str) -> str:
        """`text` as a headline, where the stream has such a thing."""
        return f"{_BOLD}{text}{_PLAIN}" if self._is_coloured else text

    def red(self, text: str) -> str:
        """`text` as an alarm, where the stream has such a thing."""
        return f"{_RED}{text}{_PLAIN}" if self._is_coloured else text

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Write rows of two cells: aligned and cut to the width of a terminal, else one space."""
        # For `grep`, `cut` and `awk`, and as on the talk's slides; names hold no spaces.
        if not self.is_terminal:
            self.text("".join(f"{name} {rest}\n" for name, rest in rows))
            return
        rows = list(rows)
        column = min(max((len(name) for name, _ in rows), default=0), _COLUMN_MAX)
        for name, rest in rows:
            room = self._width - max(len(name), column) - len(_GAP)
            self.line(f"{self.bold(name)}{' ' * (column - len(name))}{_GAP}{_cut(rest, room)}")


def discard(stream: IO[str]) -> None:
    """Let whatever is written on `stream` from now on vanish."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    # A stream in memory has no descriptor, and nothing that would be written later.
    with contextlib.suppress(io.UnsupportedOperation):
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_value(value: Any, paper: Paper, *, is_json: bool) -> None:
    """Write the answer to a call."""
    # `pprint` as in stock, whose scripts may read it back with `ast.literal_eval`.
    paper.line(_whole(_as_json if is_json else pprint.pformat, value))


def write_stream(items: Iterable[Any], paper: Paper, *, is_json: bool) -> None:
    """Write each item as soon as it comes; as JSON, one array that grows.

    Where the stream ends in an error the array stays open, so no reader takes it for whole.
    """
    if not is_json:
        for item in items:
            write_value(item, paper, is_json=False)
        return
    separator = "["
    for item in items:
        # The comma goes before an item: whether another follows is not known yet.
        paper.text(separator + _whole(_as_json, item))
        separator = ","
    paper.line("[]" if separator == "[" else "]")


def _whole(write: Callable[[Any], str], value: Any) -> str:
    try:
        return write(value)
    except RecursionError:
        raise Unwritable("cannot write the result: it is nested too deeply") from None


def _as_json(value: Any) -> str:
    # Pure ASCII, so that no encoding on the way can spoil it.
    return json.dumps(_for_json(value))


def _for_json(value: Any) -> Any:
    """`value` in the terms of JSON: bytes as text, or as base64 if they are no UTF-8."""
    if isinstance(value, dict):
        return {_key_for_json(key): _for_json(item) for key, item in value.items()}
    # Before sequences: MessagePack's extension types are tuples (code, bytes).
    if hasattr(value, "_asdict"):
        return _for_json(value._asdict())
    if isinstance(value, (list, tuple)):
        return [_for_json(item) for item in value]
    # Python 2 servers send their text as bytes, which a reader of JSON need not know.
    if isinstance(value, (bytes, bytearray)):
        return _text(bytes(value))
    if isinstance(value, float) and not math.isfinite(value):
        # `json` would write NaN and Infinity bare, which no other reader takes for JSON.
        return json.dumps(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    return str(value)


def _key_for_json(key: Any) -> str | int | float | None:
    if key is None or isinstance(key, (str, int, float)):
        return key
    return _text(key) if isinstance(key, bytes) else str(key)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return binascii.b2a_base64(data, newline=False).decode("ascii")


def _columns(stream: IO[str]) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except OSError:  # no terminal, or one that does not know
        return _WIDTH


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room or room < 1 else f"{text[: room - 1]}…"
