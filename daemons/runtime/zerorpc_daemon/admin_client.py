"""The other end of the admin port: for commands that look at a running daemon, or steer one."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from zerorpc_daemon.settings import TOKEN_SHOULD, is_token

# Where the token is taken from if no file is named: not from an option, which others can see in
# the list of processes.
TOKEN_VARIABLE = "ZERORPC_ADMIN_TOKEN"
_TIMEOUT_S = 10.0
# Between two attempts.
_LOOK_S = 0.1
# Longer than a daemon is without its port while it is replaced, which is a third of a second.
REPLACED_S = 3.0


class AdminError(Exception):
    """The daemon cannot be asked, or says no; the text is one line for the user."""


class UnreachableError(AdminError):
    """Nobody is at the port, or whoever was there has hung up."""


class AdminClient:
    """Asks one admin port, `http://HOST:PORT` or just `HOST:PORT`; raises `AdminError`."""

    def __init__(self, url: str, token: str | None = None, timeout: float = _TIMEOUT_S) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        # `urlsplit` looks at the port only when it is asked for.
        try:
            port = parts.port
        except ValueError:
            port = None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AdminError(f"{url!r} should be like http://127.0.0.1:9470")
        if token is not None and not is_token(token):
            raise AdminError(f"the token {TOKEN_SHOULD}")
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, port
        self._base = parts.path.rstrip("/")
        self._timeout = timeout
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.name = parts.netloc

    def get(
        self, path: str, arguments: Mapping[str, Any] | None = None, *, patience: float = 0.0
    ) -> Any:
        """Return what a view tells.

        A port where nobody is is asked again for `patience` seconds: a daemon that is replaced
        opens its own anew.
        """
        query = f"?{urlencode(arguments)}" if arguments else ""
        until = time.monotonic() + patience
        while True:
            try:
                return self._ask("GET", quote(path) + query, None)
            except UnreachableError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_S)

    def post(self, path: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """Have a command done, and return what it says."""
        return self._ask("POST", quote(path), json.dumps(arguments or {}))

    def _ask(self, method: str, target: str, body: str | None) -> Any:
        # A connection for each question: they are seconds apart, and idle ones are hung up on.
        kind = http.client.HTTPSConnection if self._is_tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            connection.request(method, self._base + target, body, self._headers)
            answer = connection.getresponse()
            status, data = answer.status, answer.read()
            value = json.loads(data)
        except OSError as error:
            raise UnreachableError(f"{self.name}: {_reason(error)}") from None
        except (http.client.HTTPException, ValueError):
            # Something else may listen there, and answer in HTML or with what is no HTTP at all.
            raise AdminError(f"{self.name}: this is not an admin port") from None
        finally:
            connection.close()
        if status == 401:
            fault = "is not the right one" if self._headers else "is needed"
            sources = f"--token-file FILE, or {TOKEN_VARIABLE}"
            raise AdminError(f"{self.name}: the token {fault}: {sources}")
        if status != 200:
            said = value.get("error") if isinstance(value, dict) else None
            raise AdminError(f"{self.name}: {said or f'status {status}'}")
        return value


def add_options(parser: argparse.ArgumentParser, default_url: str) -> None:
    """Add to a command line where to ask, and how to be let in; `client_of` reads them."""
    parser.add_argument(
        "url",
        nargs="?",
        default=default_url,
        metavar="URL",
        help=f"the admin port (default: {default_url})",
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"its first line is the admin port's token (default: ${TOKEN_VARIABLE})",
    )


def client_of(options: argparse.Namespace) -> AdminClient:
    """Return the client that the options ask for; raises `AdminError`."""
    token = os.environ.get(TOKEN_VARIABLE)
    if options.token_file is not None:
        try:
            token = options.token_file.read_text().partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AdminError(f"{options.token_file}: {_reason(error)}") from None
    return AdminClient(options.url, token)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
