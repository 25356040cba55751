"""A TCP proxy with faults: `python -m ... proxy UPSTREAM_PORT`, commanded by lines of JSON.

Each direction ("up" to the server, "down" to the client) has its own rule: `delay` in seconds,
`rate` in bytes per second, `is_deaf` to swallow what comes and pass on nothing, not even an end.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Any

import gevent
from gevent import socket as gsocket
from gevent.queue import Queue

from tests.integration.faults.programs import life

CHUNK = 65536
LINGER_RESET = struct.pack("ii", 1, 0)  # closing with a linger of nothing sends RST, not FIN


@dataclass(slots=True)
class Rule:
    """What happens to the bytes of one direction."""

    delay: float = 0.0
    rate: float = 0.0
    is_deaf: bool = False


class Link:
    """One accepted connection and its counterpart to the server."""

    def __init__(self, near: Any, far: Any, rules: dict[str, Rule]) -> None:
        self.near, self.far, self.rules = near, far, rules
        self.greenlets: list[gevent.Greenlet[..., None]] = []
        for direction, source, target in (("up", near, far), ("down", far, near)):
            waiting: Queue[Any] = Queue(maxsize=64)
            self.greenlets.append(gevent.spawn(self._read, direction, source, waiting))
            self.greenlets.append(gevent.spawn(self._write, direction, target, waiting))

    def _read(self, direction: str, source: Any, queue: Queue[Any]) -> None:
        rule = self.rules[direction]
        while True:
            try:
                data = source.recv(CHUNK)
            except OSError:
                data = b""
            if not rule.is_deaf:
                queue.put((time.monotonic() + rule.delay, data))
            if not data:
                return

    def _write(self, direction: str, target: Any, queue: Queue[Any]) -> None:
        rule = self.rules[direction]
        while True:
            due, data = queue.get()
            gevent.sleep(max(0.0, due - time.monotonic()))
            if rule.is_deaf:
                continue
            try:
                if not data:
                    target.shutdown(socket.SHUT_WR)
                    return
                target.sendall(data)
            except OSError:
                return
            if rule.rate:
                gevent.sleep(len(data) / rule.rate)

    def cut(self, is_reset: bool) -> None:
        """End both connections, with RST or with FIN."""
        gevent.killall(self.greenlets)
        for end in (self.near, self.far):
            if is_reset:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            end.close()


class Proxy:
    """Listens on a port of its own and links each connection to the upstream port."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.rules = {"up": Rule(), "down": Rule()}
        self.links: list[Link] = []
        self.listener = gsocket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(1024)
        self.is_refusing = False

    def accept_all(self) -> None:
        """Take connections for ever; while refusing, end them at once."""
        while True:
            near, _ = self.listener.accept()
            try:
                if self.is_refusing:
                    raise ConnectionRefusedError
                far = gsocket.create_connection(("127.0.0.1", self.upstream))
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links.append(Link(near, far, self.rules))

    def obey(self, do: str, **given: Any) -> None:
        """Carry out one command."""
        if do == "rule":
            for direction in given.pop("directions"):
                for key, value in given.items():
                    setattr(self.rules[direction], key, value)
        elif do == "cut":
            links, self.links = self.links, []
            for link in links:
                link.cut(given["is_reset"])
        elif do == "refuse":
            self.is_refusing = given["is_refusing"]
        else:
            raise ValueError(do)


def main() -> None:
    """Serve until the commands end."""
    life.begin()
    proxy = Proxy(int(sys.argv[1]))
    accepting = gevent.spawn(proxy.accept_all)
    life.say(port=proxy.listener.getsockname()[1])
    for command in life.commands():
        proxy.obey(**command)
        life.say(links=len(proxy.links))
    accepting.kill()


if __name__ == "__main__":
    main()
