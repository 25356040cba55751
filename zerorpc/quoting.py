"""What a peer sent, made fit for a terminal or for one line of a log.

Pure. Peers choose the names and messages of errors: as they come, a line feed in one would begin a
log line of its own, and an escape sequence would command the terminal of whoever reads the log.
"""

from __future__ import annotations

# More than most messages have, and little enough that a peer cannot fill a log with one call.
_EXCERPT_CHARACTERS = 400


def printable(text: str, *, keep: str = "") -> str:
    """Return `text` with what a terminal would obey instead of show written as an escape.

    `keep` lists the control characters that stay, such as the newlines of a docstring.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def excerpt(text: str) -> str:
    """Return `text` as part of a log line: without control characters, and of bounded length."""
    if len(text) <= _EXCERPT_CHARACTERS:
        return printable(text)
    return f"{printable(text[:_EXCERPT_CHARACTERS])}... ({len(text)} characters)"
