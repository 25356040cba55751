"""A Python peer that a test commands: one JSON object a line in, one a line out.

The same program is the stock peer and ours, told apart only by the interpreter that runs it.
A command is `{"id": 1, "op": "call", ...}`; its answer `{"id": 1, "value": ...}` or
`{"id": 1, "error": {...}}`.  Each runs in a greenlet of its own, so answers come in any order.
The end of standard input ends the program.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
import traceback
from collections.abc import Iterator
from typing import Any

import gevent
from gevent.event import Event
from gevent.fileobject import FileObject

import zerorpc

from .plain import from_plain, to_plain
from .service import Service


class Ear:
    """What a Puller or Subscriber hands its messages to."""

    def __init__(self) -> None:
        self._heard: list[Any] = []
        self._news = Event()

    def hear(self, *args: Any) -> None:
        """Take one message."""
        self._heard.append(list(args))
        self._news.set()

    def _wait(self, number: int, seconds: float) -> list[Any]:
        deadline = time.monotonic() + seconds
        while len(self._heard) < number and self._news.wait(deadline - time.monotonic()):
            self._news.clear()
        return self._heard


class Tracer:
    """Middleware that puts a value into the header of each call, and notes what it finds there."""

    def __init__(self, value: str, service: Service) -> None:
        self._value = value
        self._service = service

    def get_task_context(self) -> dict[str, str]:
        """Return what is to travel with a call."""
        return {"trace_id": self._value}

    def load_task_context(self, header: dict[str, Any]) -> None:
        """Take what came with a call."""
        if "trace_id" in header:  # a hub's own question, which may come any time, has none
            self._service.note(f"trace_id {header['trace_id']}")


class Peer:
    """The commands; each public method is one."""

    def __init__(self) -> None:
        self._service = Service()
        self._sockets: dict[str, Any] = {}
        self._streams: dict[str, Iterator[Any]] = {}
        self._ears: dict[str, Ear] = {}

    def serve(self, name: str, how: str, endpoint: str, heartbeat: float) -> str:
        """Serve the one `Service` of this process; binds or connects (HOW) and tells where."""
        server = self._sockets[name] = zerorpc.Server(self._service, heartbeat=heartbeat)
        where = _attach(server, how, endpoint)
        gevent.spawn(server.run)
        return where

    def connect(self, name: str, how: str, endpoint: str, heartbeat: float, timeout: float) -> str:
        """Open the client NAME, which binds or connects (HOW), and tell where."""
        client = self._sockets[name] = zerorpc.Client(heartbeat=heartbeat, timeout=timeout)
        return _attach(client, how, endpoint)

    def trace(self, value: str) -> None:
        """Let every call from this process carry VALUE, and remember what calls to it carry."""
        zerorpc.Context.get_instance().register_middleware(Tracer(value, self._service))

    def call(self, name: str, method: str, args: list[Any], **options: Any) -> Any:
        """Call METHOD; of a stream, the answer is the list of all its items."""
        answer = self._sockets[name](method, *args, **options)
        return list(answer) if isinstance(answer, Iterator) else answer

    def open(self, name: str, stream: str, method: str, args: list[Any], **options: Any) -> None:
        """Call the streaming METHOD and keep its iterator as STREAM."""
        self._streams[stream] = self._sockets[name](method, *args, **options)

    def take(self, stream: str, number: int) -> list[Any]:
        """Take up to NUMBER items of STREAM."""
        return list(itertools.islice(self._streams[stream], number))

    def drop(self, stream: str) -> None:
        """Close the iterator STREAM before its end."""
        self._streams.pop(stream).close()  # type: ignore[attr-defined]

    def drain(self, name: str, method: str, args: list[Any], times: int) -> list[int]:
        """Read the stream METHOD to its end TIMES times, and tell the number of items of each."""
        return [sum(1 for _ in self._sockets[name](method, *args)) for _ in range(times)]

    def listen(self, name: str, kind: str, how: str, endpoint: str) -> str:
        """Open a Puller or Subscriber (KIND) that binds or connects (HOW)."""
        ear = self._ears[name] = Ear()
        socket = self._sockets[name] = getattr(zerorpc, kind)(ear)
        where = _attach(socket, how, endpoint)
        gevent.spawn(socket.run)
        return where

    def heard(self, name: str, number: int, seconds: float) -> list[Any]:
        """Wait up to SECONDS for NUMBER messages, and tell all that came."""
        return self._ears[name]._wait(number, seconds)

    def speak(self, name: str, kind: str, how: str, endpoint: str) -> str:
        """Open a Pusher or Publisher (KIND) that binds or connects (HOW)."""
        socket = self._sockets[name] = getattr(zerorpc, kind)()
        return _attach(socket, how, endpoint)

    def say(self, name: str, method: str, args: list[Any]) -> None:
        """Send one message through a Pusher or Publisher."""
        self._sockets[name](method, *args)

    def close(self, name: str) -> None:
        """Close one socket."""
        self._sockets.pop(name).close()


def _attach(socket: Any, how: str, endpoint: str) -> str:
    """Bind or connect a socket, and tell the endpoint it got; stock hides that deep inside."""
    getattr(socket, how)(endpoint)
    if isinstance(endpoints := getattr(socket, "endpoints", None), list):
        return str(endpoints[0])
    events = socket._events
    return str(events._socket.getsockopt(zerorpc.zmq.LAST_ENDPOINT).rstrip(b"\0").decode())


def _described(error: BaseException) -> dict[str, Any]:
    """Tell an exception in terms that every peer has."""
    described: dict[str, Any] = {"class": type(error).__name__, "text": str(error)}
    if isinstance(error, zerorpc.RemoteError):
        described |= {"name": error.name, "msg": error.msg, "traceback": error.traceback}
    else:
        described["local"] = traceback.format_exc()
    return described


def _obey(peer: Peer, command: dict[str, Any]) -> None:
    answer: dict[str, Any] = {"id": command.pop("id")}
    try:
        operation = getattr(peer, command.pop("op"))
        answer["value"] = to_plain(operation(**{k: from_plain(v) for k, v in command.items()}))
    except Exception as error:
        answer["error"] = _described(error)
    # A single write, so that lines of several greenlets never mix.
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Obey commands until standard input ends."""
    peer = Peer()
    for line in FileObject(sys.stdin.fileno(), "rb"):
        gevent.spawn(_obey, peer, json.loads(line))


if __name__ == "__main__":
    main()
