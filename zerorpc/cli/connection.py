"""Binding and connecting as the options say, told on stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from zerorpc.errors import EndpointError

from .arguments import Options
from .outcome import Mistake, quoted
from .output import Paper

_TRANSPORTS = ("tcp", "ipc", "inproc")


class Attachable(Protocol):
    """A client or a server, as far as its endpoints go."""

    def bind(self, endpoint: str) -> list[str]:
        """Listen."""

    def connect(self, endpoint: str) -> list[str]:
        """Connect."""


def attach(end: Attachable, options: Options, status: Paper | None) -> None:
    """Bind and connect `end`; each success is told to `status`, with the port if it was chosen.

    A refused endpoint is a Mistake.
    """
    for endpoint in options.bind:
        # Said after the fact: a mistake stays the only line on stderr.
        bound = _attempt(end.bind, endpoint)
        if status is not None:
            status.line(f"binding to {quoted(endpoint)}")
            for real in bound:
                if real.rpartition(":")[2] != endpoint.rpartition(":")[2]:
                    status.line(f"listening on {quoted(real)}")
    for endpoint in options.connect:
        _attempt(end.connect, endpoint)
        if status is not None:
            status.line(f"connecting to {quoted(endpoint)}")


def _attempt(attach_one: Callable[[str], list[str]], endpoint: str) -> list[str]:
    try:
        return attach_one(endpoint)
    except EndpointError as error:
        raise Mistake(f"{error}{_hint(endpoint)}") from error


def _hint(endpoint: str) -> str:
    # With a transport given, the library's own message says all.
    if "://" in endpoint or ":" not in endpoint:
        return ""
    transport, _, rest = endpoint.partition(":")
    if transport not in _TRANSPORTS:
        transport, rest = "tcp", endpoint
    # Of an `ipc` path the first slash may be the one that belongs there.
    rest = rest.lstrip("/") if transport == "tcp" else rest
    return f"; did you mean {quoted(f'{transport}://{rest}')}?"
