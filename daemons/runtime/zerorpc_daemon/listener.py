"""The admin port's socket and HTTP server: gevent's pywsgi around `admin`, and the rule of ports.

A default port that is taken moves on, since two daemons on one machine are no mistake; a configured
one that is taken is.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote

import gevent
import gevent.socket
from gevent.pool import Pool
from gevent.pywsgi import WSGIHandler, WSGIServer

from zerorpc_daemon.admin import Admin, Answer, Request
from zerorpc_daemon.core import StartError
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.quantities import Address

T = TypeVar("T")

# Ports to try beside a default that is taken.
_MOST_TRIED = 20
# A probe, a scrape and someone who looks; more wait in the kernel's queue.
_MOST_CONNECTIONS = 32
_BACKLOG = 64
_BODY_BYTES = 65_536
# For the whole of a request to come, and for a connection that is kept without being used.
_IDLE_S = 15.0
# Connections are kept no longer: those who wait for one of the few places get their turn.
_AGE_S = 60.0
# Where the application finds who handles its request.
_HANDLER = "zerorpc.handler"


def listen(
    address: Address, *, is_default: bool, open_at: Callable[[Address], T], log: EventLog
) -> T:
    """Return what `open_at` makes of the address or, of a taken default, of the next free port.

    Raises `StartError` with one line.
    """
    tried = address
    for _ in range(_MOST_TRIED):
        try:
            opened = open_at(tried)
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            if is_taken and is_default and 0 < tried.port < 65535:
                tried = Address(tried.host, tried.port + 1)
                continue
            raise StartError(f"{tried}: {_reason(error)}") from None
        if tried != address:
            log.warning("default port is taken", endpoint=str(address), instead=str(tried))
        return opened
    raise StartError(f"{address}: taken, and so are the next {_MOST_TRIED} ports")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def tcp_socket(address: Address) -> socket.socket:
    """Return a socket that listens there; raises `OSError`."""
    found = gevent.socket.getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, kind, protocol, _, place = found[0]
    listening = gevent.socket.socket(family, kind, protocol)
    try:
        # Or a restart would have to wait until the kernel forgets the last connections.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class Listener:
    """Serves an `Admin` on a listening socket until it is closed.

    Whoever takes more than `idle` seconds to ask is hung up on, and others with their first request
    after `age` seconds.
    """

    def __init__(
        self,
        listening: socket.socket,
        admin: Admin,
        log: EventLog,
        idle: float = _IDLE_S,
        age: float = _AGE_S,
    ) -> None:
        host, port = listening.getsockname()[:2]
        self.address = Address(host, port)
        self._admin = admin
        self._log = log
        self._server = WSGIServer(
            listening,
            self._serve,
            spawn=Pool(_MOST_CONNECTIONS),
            handler_class=type("_Handler", (_Handler,), {"idle": idle, "age": age}),
            log=None,
            error_log=_Errors(log),  # type: ignore[call-overload]  # the stubs ask for a whole file
        )
        self._server.start()

    def close(self) -> None:
        """Hang up."""
        self._server.stop(timeout=0)

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        answer = self._answer(environ)
        status = HTTPStatus(answer.status)
        headers = [
            ("Content-Type", answer.content_type),
            ("Content-Length", str(len(answer.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *answer.headers,
        ]
        if environ[_HANDLER].close_connection:
            headers.append(("Connection", "close"))
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _answer(self, environ: dict[str, Any]) -> Answer:
        length = environ.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in environ or int(length) > _BODY_BYTES:
            return Answer.of({"error": f"send at most {_BODY_BYTES} bytes, with their length"}, 413)
        try:
            body = environ["wsgi.input"].read(int(length))
        except OSError:  # what it leaves behind cannot be read, and so is hung up on
            return Answer.of({"error": "the body did not come"}, 400)
        environ[_HANDLER].has_asked()
        request = Request(
            environ["REQUEST_METHOD"],
            unquote(environ["PATH_INFO"]),
            environ.get("QUERY_STRING", ""),
            dict(_headers(environ)),
            body,
        )
        try:
            return self._admin.answer(request)
        except Exception:
            # One place for them all: the one who asks learns that it failed, the log why.
            self._log.exception("request failed", path=request.path)
            return Answer.of({"error": "failed; the log says why"}, 500)


def _headers(environ: dict[str, Any]) -> Iterable[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value


class _Handler(WSGIHandler):
    """Hangs up on those who take their time: they would hold one of few places."""

    idle: float
    age: float

    def __init__(self, sock: Any, address: Any, server: Any) -> None:
        sock.settimeout(self.idle)
        self._ages = time.monotonic() + self.age
        super().__init__(sock, address, server)

    def handle_one_request(self) -> Any:
        """Have the whole of a request come in time, and not each byte of it."""
        late = TimeoutError("it did not come in time")
        with gevent.Timeout(self.idle, late) as self._deadline:
            try:
                return super().handle_one_request()
            finally:
                self.environ = None  # which knows this object in turn

    def read_request(self, raw_requestline: str) -> Any:
        """Read the head."""
        try:
            is_read = super().read_request(raw_requestline)
        except OSError as error:  # of which pywsgi would print a traceback
            raise ValueError(str(error)) from None
        if time.monotonic() >= self._ages:
            self.close_connection = True
        return is_read

    def get_environ(self) -> Any:
        """Return what the application is told."""
        environ = super().get_environ()
        environ[_HANDLER] = self
        return environ

    def has_asked(self) -> None:
        """Take note that a request is there as a whole; the answer has its own time."""
        self._deadline.close()

    def log_request(self) -> None:
        """Say nothing: probes come every second."""


class _Errors:
    """Takes pywsgi's lines about bad requests."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def write(self, text: str) -> None:
        """Log a line that someone else's mistake caused."""
        if text.strip():
            self._log.debug("bad request on the admin port", reason=text.strip())
