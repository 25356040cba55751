"""A broker with peers that are mere names, and events as stock sends them."""

from __future__ import annotations

from itertools import count
from typing import Any

from msgpack import packb, unpackb

from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Client, Frames, Worker
from zerorpc_hub.policy import Policy, PoolPolicy
from zerorpc_hub.switch import Send

_numbers = count(1)


def new_id() -> bytes:
    return b"%032x" % next(_numbers)


def request(name: str, *args: Any, call_id: Any = None, **header: Any) -> tuple[Any, Frames]:
    """Return the id of a call and the message that opens it."""
    call_id = new_id() if call_id is None else call_id
    return call_id, [b"", packb([{"message_id": call_id, "v": 3, **header}, name, args])]


def event(call_id: Any, name: str, args: Any, **header: Any) -> bytes:
    """Return a later event on the channel of a call."""
    head = {"message_id": new_id(), "v": 3, "response_to": call_id, **header}
    packed: bytes = packb([head, name, args])
    return packed


class Hub:
    """A broker, what it has to send sorted by peer, and a clock that stands still."""

    def __init__(self, policy: Policy | None = None, **pool: Any) -> None:
        if policy is None:
            policy = Policy(name="h", pools=(("default", PoolPolicy(**pool)),))
        self.random = 0.0
        self.now = 100.0
        self.broker = Broker(
            policy, instance=b"instance-of-the-test-hub", random=lambda: self.random, now=self.now
        )
        self.inboxes: dict[str, list[Frames]] = {}
        self.workers: dict[str, Worker] = {}
        self.mute: set[str] = set()  # workers that leave pings without an answer

    def client(self, name: str = "c") -> Client:
        self.inboxes[name] = []
        return self.broker.add_client(name, name, "in")

    def worker(self, name: str = "w", **options: Any) -> Worker:
        self.inboxes[name] = []
        worker, sends = self.broker.add_worker(name, name, "out", self.now, **options)
        self.workers[name] = worker
        self.deliver(sends)
        return worker

    def deliver(self, sends: list[Send]) -> None:
        for peer, frames in sends:
            if unpackb(frames[-1])[1] != "_zerorpc_ping" or peer in self.mute:
                self.inboxes[peer].append(list(frames))
            else:
                self.answer(self.workers[peer], list(frames), "OK", ["pong", peer])

    def take(self, peer: Client | Worker) -> list[Frames]:
        """Return what a peer was sent since it was last asked."""
        taken, self.inboxes[peer.name] = self.inboxes[peer.name], []
        return taken

    def heard(self, peer: Client | Worker) -> list[tuple[str, Any]]:
        """Return names and arguments of the events that a peer was sent."""
        return [tuple(unpackb(frames[-1])[1:]) for frames in self.take(peer)]

    def call(self, client: Client, name: str = "m", *args: Any, **header: Any) -> Any:
        """Let a client call; returns the id."""
        call_id, frames = request(name, *args, **header)
        self.from_client(client, frames)
        return call_id

    def from_client(self, client: Client, *messages: Frames) -> None:
        self.deliver(self.broker.from_client(client, list(messages), self.now))

    def say(self, client: Client, call_id: Any, name: str, args: Any) -> None:
        """Let a client say something on the channel of its call."""
        self.from_client(client, [b"", event(call_id, name, args)])

    def answer(self, worker: Worker, opening: Frames, name: str, args: Any, **header: Any) -> None:
        """Let a worker answer what it was sent."""
        call_id = unpackb(opening[-1])[0]["message_id"]
        frames = [*opening[:-1], event(call_id, name, args, **header)]
        self.deliver(self.broker.from_worker(worker, [frames], self.now))

    def lose(self, worker: Worker, unsent: int = 0) -> None:
        """Lose a worker; the last `unsent` messages for it never left."""
        inbox = self.inboxes[worker.name]
        back = inbox[len(inbox) - unsent :]
        reason = "its connection broke"
        self.deliver(self.broker.remove_worker(worker, self.now, unsent, reason, lambda: back))

    def leave(self, client: Client) -> None:
        self.deliver(self.broker.remove_client(client, self.now))

    def wait(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass, and the broker look at it."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + step)
            self.deliver(self.broker.on_deadline(self.now))
