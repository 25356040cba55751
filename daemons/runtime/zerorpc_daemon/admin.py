"""What the admin port answers: a request in, an answer out.

Sans-IO. Health checks are for everyone who can connect; the rest needs the token, where there is
one. Without one only this machine can connect, and then a browser on it is the danger: a page of
anyone may make it send requests, which it marks with an Origin or a Host of that page.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from zerorpc_daemon.core import Command, Refused
from zerorpc_daemon.quantities import Address

_JSON = "application/json"
# What is longer nobody reads without a program.
_READABLE = 100_000
_OPEN_PATHS = frozenset(("/healthz", "/readyz"))


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; the names of `headers` are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: Any, status: int = 200, *headers: tuple[str, str]) -> Answer:
        """Return an answer that holds a value as JSON."""
        text = json.dumps(value, default=_text, ensure_ascii=False)
        # For those who read it themselves; it takes ten times as long.
        if len(text) < _READABLE:
            text = json.dumps(value, indent=1, default=_text, ensure_ascii=False)
        return cls(status, text.encode() + b"\n", headers=headers)


Page = Callable[[Request], Answer]


class Admin:
    """The answers by method and path; `token` guards them, None where nothing does.

    `fixed` are pages that make their own answer, the others return values.
    """

    def __init__(
        self,
        fixed: Mapping[str, Page],
        views: Mapping[str, Command],
        commands: Mapping[str, Command],
        token: str | None = None,
    ) -> None:
        self.token = token
        self._pages: dict[str, Page] = dict(fixed)
        self._pages |= {f"/{name}": _page(view, _from_query) for name, view in views.items()}
        self._commands = {f"/{name}": _page(each, _from_body) for name, each in commands.items()}
        self._index = {
            "GET": {path: _help(fixed.get(path)) for path in fixed}
            | {f"/{name}": _help(view) for name, view in views.items()},
            "POST": {f"/{name}": _help(command) for name, command in commands.items()},
        }

    def answer(self, request: Request) -> Answer:
        """Return what to answer; raises what a view or command raises besides `Refused`."""
        refusal = None if request.path in _OPEN_PATHS else self._refusal(request)
        if refusal is not None:
            return refusal
        if request.path == "/":
            return Answer.of(self._index)
        is_read = request.method in ("GET", "HEAD")
        here, there = self._pages, self._commands
        if not is_read:
            here, there = there, here
        if request.path in here and (is_read or request.method == "POST"):
            return here[request.path](request)
        if request.path in here or request.path in there:
            allowed = "GET, HEAD" if request.path in self._pages else "POST"
            return Answer.of({"error": f"use {allowed}"}, 405, ("Allow", allowed))
        return Answer.of({"error": "not here; see /"}, 404)

    def _refusal(self, request: Request) -> Answer | None:
        if self.token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            is_given = hmac.compare_digest(given.strip().encode(), self.token.encode())
            if is_given and scheme.lower() == "bearer":
                return None
            header = ("WWW-Authenticate", "Bearer")
            return Answer.of({"error": "send Authorization: Bearer TOKEN"}, 401, header)
        if "origin" in request.headers or not _is_literal(request.headers.get("host", "")):
            return Answer.of({"error": "web pages of others may not ask; configure a token"}, 403)
        return None


def _is_literal(host: str) -> bool:
    """Tell whether a Host is a number or localhost: a page of others has a name of others."""
    try:
        name = Address.parse(host if host.rpartition(":")[2].isdigit() else f"{host}:80").host
    except ValueError:
        return not host  # HTTP 1.0 has none, and no browser speaks it
    return name == "localhost" or ":" in name or name.replace(".", "").isdigit()


def _page(command: Command, arguments: Callable[[Request], Mapping[str, Any]]) -> Page:
    def page(request: Request) -> Answer:
        try:
            return Answer.of(command(arguments(request)))
        except Refused as refused:
            return Answer.of({"error": str(refused)}, refused.status)

    return page


def _from_query(request: Request) -> dict[str, Any]:
    return dict(parse_qsl(request.query, keep_blank_values=True))


def _from_body(request: Request) -> dict[str, Any]:
    """Return a command's arguments: those of the query, and over them those of a JSON body."""
    arguments = _from_query(request)
    if request.body.strip():
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):  # too deep for anyone to mean it
            raise Refused("the body should be JSON") from None
        if not isinstance(body, dict):
            raise Refused("the body should be a JSON object")
        arguments |= body
    return arguments


def _help(target: Any) -> str:
    return (getattr(target, "__doc__", None) or "").strip().split("\n")[0]


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)
