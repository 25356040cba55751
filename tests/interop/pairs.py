"""Who talks to whom: the directions of the matrix, and the processes that serve them.

Processes are started when first wanted and shared by all tests of a session; a test that stops or
kills one asks for a pair of its own.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.interop.peer_process import Peer, PeerError, unexpected

# Sockets of stock zerorpc stall for about a second on a missed wake-up: a faster beat would fail.
BEAT = 2.0
# A beat that never comes due within a test: what is noticed under it was told by something else.
NO_BEAT = 300.0

ANY_PORT = "tcp://127.0.0.1:*"

_tags = itertools.count()


def new_tag() -> str:
    """Return a tag for `produce` that no other test of this session uses."""
    return f"tag-{next(_tags)}"


@dataclass(frozen=True)
class Direction:
    """A kind of client and a kind of server."""

    client: str
    server: str

    def __str__(self) -> str:
        return f"{self.client}-to-{self.server}"


@dataclass(frozen=True)
class Pair:
    """A client process with an open client called `name`, connected to a server's process."""

    direction: Direction
    client: Peer
    server: Peer
    name: str

    def call_later(self, method: str, *args: Any, **options: Any) -> Future[Any]:
        """Start a call and return the future of its outcome."""
        return self.client.ask_later(
            "call", name=self.name, method=method, args=list(args), **options
        )

    def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Return the outcome of a call; a stream's is the list of its items."""
        return self.client.ask("call", name=self.name, method=method, args=list(args), **options)

    def refusal(self, method: str, *args: Any, **options: Any) -> PeerError:
        """Return the error of a call that must not succeed."""
        try:
            value = self.call(method, *args, **options)
        except PeerError as error:
            return error
        raise unexpected(value)

    @contextmanager
    def stream(self, method: str, *args: Any, **options: Any) -> Iterator[Stream]:
        """Open a stream for the duration of a `with` block; one not dropped stays open."""
        name = new_tag()
        self.client.ask(
            "open", name=self.name, stream=name, method=method, args=list(args), **options
        )
        yield Stream(self.client, name)


@dataclass(frozen=True)
class Stream:
    """An open stream at a client."""

    client: Peer
    name: str

    def take(self, number: int) -> list[Any]:
        """Return the next NUMBER items, fewer at the stream's end."""
        items: list[Any] = self.client.ask("take", stream=self.name, number=number)
        return items

    def drop(self) -> None:
        """Give the stream up before its end."""
        self.client.ask("drop", stream=self.name)


@dataclass
class Peers:
    """All processes of a session; `shared` and `fresh` hand out pairs of them.

    Safe to use from several threads, as the slow cells of the matrix do.
    """

    _stack: ExitStack = field(default_factory=ExitStack)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _clients: dict[str, Peer] = field(default_factory=dict)
    _servers: dict[Direction, Peer] = field(default_factory=dict)
    _endpoints: dict[tuple[Direction, float], str] = field(default_factory=dict)
    _names: set[tuple[Direction, float]] = field(default_factory=set)

    def start(self, kind: str) -> Peer:
        """Start a process that lives until the session ends, unless it is ended before."""
        peer = Peer(kind)
        with self._lock:
            self._stack.callback(peer.quit)
        return peer

    def client(self, direction: Direction) -> Peer:
        """Return the session's client process, one for each kind."""
        with self._lock:
            if direction.client not in self._clients:
                self._clients[direction.client] = self.start(direction.client)
            return self._clients[direction.client]

    def server(self, direction: Direction) -> Peer:
        """Return the session's server process, one for each direction.

        A stock server that a node client has frozen (B1) must not fail other directions.
        """
        with self._lock:
            if direction not in self._servers:
                self._servers[direction] = self.start(direction.server)
            return self._servers[direction]

    def endpoint(self, direction: Direction, beat: float = BEAT) -> str:
        """Return where the session's server listens with the heartbeat BEAT."""
        server = self.server(direction)
        with self._lock:
            if (direction, beat) not in self._endpoints:
                self._endpoints[direction, beat] = self.serve(server, beat)
            return self._endpoints[direction, beat]

    def shared(self, direction: Direction, beat: float = BEAT) -> Pair:
        """Return a pair of the session's processes."""
        client = self.client(direction)
        endpoint = self.endpoint(direction, beat)
        name = f"{direction} beating every {beat} s"
        with self._lock:
            if (direction, beat) not in self._names:
                connect(client, name, endpoint, beat)
                self._names.add((direction, beat))
        return Pair(direction, client, self.server(direction), name)

    def fresh_server(self, direction: Direction, beat: float = BEAT) -> Pair:
        """Return a pair whose server process is its own."""
        server = self.start(direction.server)
        client = self.client(direction)
        name = new_tag()
        connect(client, name, self.serve(server, beat), beat)
        return Pair(direction, client, server, name)

    def fresh_client(self, direction: Direction, beat: float = BEAT) -> Pair:
        """Return a pair whose client process is its own."""
        client = self.start(direction.client)
        connect(client, "client", self.endpoint(direction, beat), beat)
        return Pair(direction, client, self.server(direction), "client")

    def fresh_pair(self, direction: Direction, beat: float = BEAT) -> Pair:
        """Return a pair of two processes of its own."""
        client, server = self.start(direction.client), self.start(direction.server)
        connect(client, "client", self.serve(server, beat), beat)
        return Pair(direction, client, server, "client")

    def serve(self, server: Peer, beat: float) -> str:
        """Let a process serve, and return where clients connect to."""
        return listen(server, beat)

    def join(
        self, speaker: tuple[Peer, str], listener: tuple[Peer, str], name: str, speaker_binds: bool
    ) -> None:
        """Open a socket called NAME at both; each comes with the kind of its socket."""
        ends = (("speak", *speaker), ("listen", *listener))
        first, second = ends if speaker_binds else reversed(ends)
        endpoint = attach(first, name, "bind", ANY_PORT)
        attach(second, name, "connect", endpoint)

    def close(self) -> None:
        """End every process."""
        self._stack.close()


def attach(end: tuple[str, Peer, str], name: str, how: str, endpoint: str) -> str:
    """Open a one-way socket (its op, process and kind), and return its endpoint."""
    op, peer, kind = end
    where: str = peer.ask(op, name=name, kind=kind, how=how, endpoint=endpoint)
    return where


def listen(server: Peer, beat: float, how: str = "bind", endpoint: str = ANY_PORT) -> str:
    """Let a process serve and return its endpoint."""
    where: str = server.ask("serve", name=new_tag(), how=how, endpoint=endpoint, heartbeat=beat)
    return where


def connect(client: Peer, name: str, endpoint: str, beat: float, how: str = "connect") -> str:
    """Open the client NAME in a process; its calls wait for as long as a test does."""
    where: str = client.ask(
        "connect", name=name, how=how, endpoint=endpoint, heartbeat=beat, timeout=60
    )
    return where
