"""Exit statuses and the lines that go with them."""

from __future__ import annotations

import pytest

from zerorpc.cli.outcome import (
    Exit,
    Mistake,
    Unreachable,
    Unwritable,
    did_you_mean,
    ending,
    quoted,
)
from zerorpc.errors import (
    ClosedError,
    EndpointError,
    LostRemote,
    Overloaded,
    RemoteError,
    TimeoutExpired,
)
from zerorpc.quoting import printable


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (Mistake("wrong"), 2, "wrong"),
        (EndpointError("no such place"), 2, "no such place"),
        (TimeoutExpired(3, "calling f"), 3, "timeout after 3s, when calling f"),
        (LostRemote("gone"), 3, "gone"),
        (Overloaded("full", 3, 3), 3, "full"),
        (Unreachable("nobody"), 3, "nobody"),
        (Unwritable("disk full"), 4, "disk full"),
        (ClosedError("closed"), 1, "ClosedError: closed"),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int, text: str) -> None:
    assert ending(error) == (status, text)


@pytest.mark.parametrize(
    ("traceback", "text"),
    [
        ("Traceback:\n  File\nValueError: bad\n", "Traceback:\n  File\nValueError: bad"),
        ("    at f (x.js:1)", "    at f (x.js:1)\nValueError: bad"),
        (None, "ValueError: bad"),
        ("", "ValueError: bad"),
    ],
)
def test_a_remote_traceback_ends_in_name_and_message(traceback: str | None, text: str) -> None:
    assert ending(RemoteError("ValueError", "bad", traceback)) == (Exit.REMOTE_ERROR, text)


@pytest.mark.parametrize("name", ["Draining", "Overloaded", "ClosedError", "LostRemote"])
def test_what_a_server_says_itself_is_no_exception_of_a_method(name: str) -> None:
    assert ending(RemoteError(name, "stopping", None)) == (3, f"{name}: stopping")
    assert ending(RemoteError(name, "stopping", f"Traceback\n{name}: stopping"))[0] == 1


def test_an_exception_without_a_message() -> None:
    assert ending(RemoteError("KeyError", "", None))[1] == "KeyError"


def test_what_a_remote_sends_cannot_command_the_terminal() -> None:
    error = RemoteError("Evil", "\033[2Jgone\r", "line\n\tnext\nEvil: \033[2Jgone\r")
    assert ending(error)[1] == "line\n\tnext\nEvil: \\x1b[2Jgone"
    assert printable("naïve ✓") == "naïve ✓"
    assert quoted("a\nb") == '"a\\nb"'


def test_similar_names_are_offered() -> None:
    names = ["quote", "quote_plus", "unquote", "urlparse"]
    assert did_you_mean("quot", names) == '; did you mean "quote" or "unquote"?'
    assert did_you_mean("URLPARSE", names) == '; did you mean "urlparse"?'
    assert did_you_mean("frobnicate", names) == ""
    assert did_you_mean("x", []) == ""
