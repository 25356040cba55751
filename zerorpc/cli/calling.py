"""One call from the command line: made, explained if it fails, its result printed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from zerorpc.errors import RemoteError, TimeoutExpired, ZerorpcError

from .inspection import ask_names, unknown_method
from .outcome import Mistake
from .output import Paper, write_stream, write_value

# The call has failed already; the question whether its method exists must not take long.
_ASK_TIMEOUT = 1.0


class Remote(Protocol):
    """A client, as far as it matters here."""

    @property
    def is_connected(self) -> bool:
        """Whether anybody is there."""

    def __call__(self, method: str, *args: Any, timeout: float | None = ...) -> Any:
        """Call a method."""


def call_and_print(
    call: Remote, method: str, parameters: Sequence[Any], paper: Paper, *, is_json: bool
) -> None:
    """Call `method`, print what it returns or, item by item, what it streams."""
    with explained(call, method):
        result = call(method, *parameters)
        if not isinstance(result, Iterator):
            write_value(result, paper, is_json=is_json)
            return
        # Closed early - Ctrl-C, `| head` - the stream ends at the server too.
        with contextlib.closing(result):  # type: ignore[type-var]
            write_stream(result, paper, is_json=is_json)


@contextlib.contextmanager
def explained(call: Remote, method: str) -> Iterator[None]:
    """Turn the failure of a call into the mistake of an unknown method, where it is that.

    Python servers raise NameError for it, node servers never answer; either way the list that the
    server itself gives decides. A listed method's own NameError stays what it is.
    """
    try:
        yield
    # A name with an underscore may be served and yet not be listed: there the message decides.
    except RemoteError as error:
        is_suspect = error.name == "NameError" and (method[:1] != "_" or error.msg == method)
        if is_suspect:
            _check_listed(call, method)
        raise
    except TimeoutExpired:
        # Where nobody is there, nobody would answer this question either.
        if call.is_connected:
            _check_listed(call, method)
        raise


def _check_listed(call: Remote, method: str) -> None:
    """Raise the mistake of an unknown method; silent if it is listed or nobody answers."""
    try:
        # The original error is worth more than one about the question.
        known = ask_names(lambda *words: call(*words, timeout=_ASK_TIMEOUT))
    except (ZerorpcError, Mistake):
        return
    if method not in known:
        raise unknown_method(method, known)
