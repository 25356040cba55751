"""How the program ends: its exit statuses, and the mistake that is told in one line.

Pure: decides nothing and prints nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from zerorpc.errors import EndpointError, LostRemote, Overloaded, RemoteError, TimeoutExpired
from zerorpc.later import later
from zerorpc.quoting import printable

if TYPE_CHECKING:
    import difflib
else:
    difflib = later("difflib")

# How many similar names a "did you mean" offers: more than this is a list, not a hint.
_SUGGESTIONS_MAX = 3
# Above difflib's own 0.6, which takes "zlib" for "urlib".
_SIMILARITY_MIN = 0.7
# What servers and hubs say themselves when no method raised: another attempt may succeed.
_SERVERS_OWN = frozenset(("Draining", "Overloaded", "ClosedError", "LostRemote", "TimeoutExpired"))


class Exit(IntEnum):
    """The exit statuses; a script may tell them apart."""

    OK = 0
    # The remote method raised: its traceback is on stderr.
    REMOTE_ERROR = 1
    # What was asked for cannot be: arguments, endpoint, module, JSON, unknown method.
    MISTAKE = 2
    # No answer in time, the remote is gone or going, or too busy to take the call.
    UNREACHABLE = 3
    # The work was done, but stdout took no more: another call would do it twice.
    UNWRITABLE = 4
    # Shells say 128 + the number of the signal.
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class Mistake(Exception):
    """Something the user can put right; the message is one line that says how."""


class Unreachable(Exception):
    """Nobody answers; the message is one line that says who was asked."""


class Unwritable(Exception):
    """The result has nowhere to go; the message is one line that says why."""


def ending(error: Exception) -> tuple[Exit, str]:
    """The exit status that `error` stands for, and what to say of it."""
    if isinstance(error, (Mistake, EndpointError)):
        return Exit.MISTAKE, str(error)
    if isinstance(error, (Unreachable, TimeoutExpired, LostRemote, Overloaded)):
        return Exit.UNREACHABLE, printable(str(error))
    if isinstance(error, Unwritable):
        return Exit.UNWRITABLE, str(error)
    if isinstance(error, RemoteError):
        status = Exit.REMOTE_ERROR if _is_of_method(error) else Exit.UNREACHABLE
        return status, _remote_traceback(error)
    # A broken protocol is nobody's mistake here, and a retry would not help.
    return Exit.REMOTE_ERROR, printable(f"{type(error).__name__}: {error}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean "quote"?` with the names closest to `word`, or nothing."""
    # Case is the likeliest slip of all.
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, _SUGGESTIONS_MAX, _SIMILARITY_MIN)
    if not close:
        return ""
    return f"; did you mean {' or '.join(quoted(by_lower[name]) for name in close)}?"


def quoted(text: str) -> str:
    """Return `text` in double quotes, control characters made harmless for a terminal."""
    return f'"{printable(text)}"'


def _is_of_method(error: RemoteError) -> bool:
    """Tell whether the method raised it; methods may raise errors of the same names."""
    return bool(error.traceback) or error.name not in _SERVERS_OWN


def _remote_traceback(error: RemoteError) -> str:
    """What the remote said, ending in a line with the exception's name and message."""
    last = f"{error.name}: {error.msg}" if error.msg else str(error.name)
    told = (error.traceback or "").rstrip()
    # Python's traceback ends in it, node's stack need not, and some servers send none.
    text = told if last.rstrip() in told else f"{told}\n{last}".lstrip("\n")
    return printable(text, keep="\n\t")
