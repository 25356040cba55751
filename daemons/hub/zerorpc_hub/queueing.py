"""Type `queue`: connections on one side, the broker on the other.

What it does by itself is small: it knows the time, gives the broker its turn when that is due, and
tells the log. It must not decide anything about a call.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from gevent import get_hub

from zerorpc.connection import Connection
from zerorpc.wire import DRAINING
from zerorpc.zmtp import Message
from zerorpc_daemon.journal import EventLog
from zerorpc_hub import snapshot
from zerorpc_hub.account import Ledger
from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Worker
from zerorpc_hub.config import Hub, Way
from zerorpc_hub.laggards import Laggards, is_behind
from zerorpc_hub.policy import Policy
from zerorpc_hub.revision import Place
from zerorpc_hub.traffic import Side, Traffic, short_name, tell_refusal

# Not earlier than this after the last turn: what is due may be some milliseconds late.
_LEAST_DELAY = 0.001


class CallTraffic(Traffic):
    """Clients call, workers answer."""

    front_type, back_type = "ROUTER", "DEALER"

    def __init__(self, policy: Policy, log: EventLog) -> None:
        super().__init__()
        self.log = log
        self.broker = Broker(policy, instance=os.urandom(24), random=random.random, now=monotonic())
        self._starved: set[str] = set()
        self.ledger = Ledger(self.broker, monotonic())
        self.laggards = Laggards(lambda: self.broker.policy.unsent_bytes, log)
        self._loop = get_hub().loop
        self._due = self.broker.deadline
        self._timer = self._loop.timer(max(_LEAST_DELAY, self._due - monotonic()))
        self._timer.start(self._look)

    @property
    def name(self) -> str:
        """What the hub is called."""
        return self.broker.policy.name

    def front(self, endpoint: str) -> Side:
        """Return the owner of clients."""
        return _Clients(self, endpoint)

    def back(self, endpoint: str, pool: str, way: Way) -> Side:
        """Return the owner of workers."""
        return _Workers(self, endpoint, pool, way)

    @property
    def in_progress(self) -> int:
        """How many calls are open."""
        return sum(len(client.calls) for client in self.broker.clients)

    @property
    def backs(self) -> int:
        """How many workers there are."""
        return len(self.broker.workers)

    @property
    def refusals(self) -> int:
        """How many calls were refused because this hub is draining."""
        return self.broker.switch.traffic.refused[DRAINING]

    def drain(self) -> None:
        """Answer new calls with a refusal that sends them elsewhere."""
        self.broker.is_draining = True

    def end(self) -> None:
        """Tell the clients of all open calls; look at the time no more."""
        self._timer.close()
        self.relay.send(self.broker.end())

    def set_draining(self, worker: Worker, *, is_draining: bool) -> None:
        """Give a worker no new calls, or calls again."""
        if is_draining:
            self.relay.send(self.broker.drain(worker, monotonic()))
        else:
            self.relay.send(self.broker.undrain(worker, monotonic()))

    def arm(self) -> None:
        """See to it that the broker gets its turn when it is due."""
        due = self.broker.deadline
        if due < self._due:
            self._set_timer(due)

    def _set_timer(self, due: float) -> None:
        self._due = due
        self._timer.close()
        # A new one each time: libev starts a stopped one with what was left of it.
        self._timer = self._loop.timer(max(_LEAST_DELAY, due - monotonic()))
        self._timer.start(self._look)

    def _look(self) -> None:
        now = monotonic()
        self.relay.send(self.broker.on_deadline(now))
        if now >= self.ledger.due:  # the broker's own turns come often enough
            self.ledger.note(now)
        self.tell()
        self._set_timer(self.broker.deadline)

    def tell(self) -> None:
        """Log what the broker found worth it."""
        for notice in self.broker.notices:
            text = notice.what.replace("_", " ")
            self.log.warning(text, hub=self.name, worker=notice.worker, why=notice.text)
        self.broker.notices.clear()
        self._tell_of_starved()

    def _tell_of_starved(self) -> None:
        """Log once of each pool that calls wait for it and nobody can ever take them."""
        starved = {
            pool.name
            for pool in self.broker.switch.pools
            if pool.queue and not any(worker.is_usable for worker in pool.workers)
        }
        for pool in starved - self._starved:
            why = "it has no worker, or all of them are draining, busy or ejected"
            self.log.warning("calls wait in vain", hub=self.name, pool=pool, why=why)
        self._starved = starved

    def revise(self, name: str, hub: Hub, ways: Mapping[str, tuple[str, Way]]) -> None:
        """Follow another policy, with the calls and workers that are there."""
        places = {
            endpoint: Place(pool, way.weight, way.backup) for endpoint, (pool, way) in ways.items()
        }
        self.relay.send(self.broker.revise(hub.policy(name), places, monotonic()))
        self.arm()

    def export(self, number: Callable[[Connection], int]) -> dict[str, Any]:
        """Return calls, workers and counters as plain data."""
        return {
            "broker": snapshot.export(self.broker, number),
            "ledger": self.ledger.export(),
            "waits": self.ledger.waits(),
        }

    def restore(self, state: dict[str, Any], connections: Mapping[int, Connection]) -> None:
        """Go on with them."""
        now = monotonic()
        restored = snapshot.Restoration(self.broker, state["broker"], connections, now)
        for client in restored.clients:
            client.peer.tag = client
        for worker in restored.workers:
            _tie(worker.peer, worker)
            worker.who = _who(worker.peer, worker.endpoint)
        self.ledger.restore(state["ledger"], state.get("waits", {}), now)
        self.relay.send(restored.sends)
        self.arm()

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        return self.ledger.plain(monotonic())


class _Clients:
    """The connections of one endpoint that make calls; each one's tag is the broker's `Client`."""

    side, pool = "in", ""

    def __init__(self, traffic: CallTraffic, endpoint: str) -> None:
        self._traffic, self.endpoint = traffic, endpoint
        self._relay, self._broker = traffic.relay, traffic.broker

    def expect(self) -> None:
        self._broker.switch.methods_of(self.endpoint)

    def on_ready(self, connection: Connection) -> None:
        name, log = short_name(connection), self._traffic.log
        connection.tag = self._broker.add_client(connection, name, self.endpoint)
        log.debug("client connected", hub=self._traffic.name, client=name, endpoint=self.endpoint)
        peer = connection.session.peer
        if peer is not None and peer.socket_type == "ROUTER":
            # Nothing else would ever tell: it waits for calls here, and callers for a worker there.
            why = "it has the socket of a server: workers belong to `out`"
            log.warning("is it a client?", hub=self._traffic.name, client=name, why=why)

    def on_handed(self, connection: Connection) -> None:
        # The broker's state tells of all but this.
        if connection.is_full:
            self.on_full(connection)

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        client, broker = connection.tag, self._broker
        client.is_behind = is_behind(connection, broker.policy.unsent_bytes)
        self._relay.send(broker.from_client(client, messages, monotonic()), connection)
        self._traffic.arm()

    def on_full(self, connection: Connection) -> None:
        self._traffic.laggards.watch(connection, self.endpoint)

    def on_drained(self, connection: Connection) -> None:
        self._traffic.laggards.forget(connection)
        self._relay.release(connection)

    def on_closed(self, connection: Connection, reason: str) -> None:
        self._traffic.laggards.forget(connection)
        self._relay.release(connection)
        if connection.tag is None:
            tell_refusal(self._traffic.log, connection, self.endpoint, reason)
            return
        self._relay.send(self._broker.remove_client(connection.tag, monotonic()))
        log = self._traffic.log
        say = log.debug if reason in _NOBODYS_FAULT else log.warning
        say("client gone", hub=self._traffic.name, client=connection.tag.name, why=reason)


class _Workers:
    """The connections of one endpoint that serve calls; each one's tag is a `Worker`."""

    side = "out"

    def __init__(self, traffic: CallTraffic, endpoint: str, pool: str, way: Way) -> None:
        self._traffic, self.endpoint, self.pool, self._way = traffic, endpoint, pool, way
        self._relay, self._broker = traffic.relay, traffic.broker

    def expect(self) -> None:
        self._traffic.ledger.expect(self.endpoint)

    def on_ready(self, connection: Connection) -> None:
        peer = connection.session.peer
        # Servers are ROUTERs. Some have a DEALER, but so has every client that connects here by
        # mistake, and that would take calls in without a word.
        is_doubtful = peer is not None and peer.socket_type == "DEALER"
        worker, sends = self._broker.add_worker(
            connection,
            short_name(connection),
            self.endpoint,
            monotonic(),
            pool=self.pool,
            weight=self._way.weight,
            is_backup=self._way.backup,
            who=_who(connection, self.endpoint),
            is_doubtful=is_doubtful,
        )
        _tie(connection, worker)
        self._relay.send(sends)
        fields = {"hub": self._traffic.name, "worker": worker.name}
        self._traffic.log.info("worker connected", **fields, endpoint=self.endpoint)
        if is_doubtful:
            why = "it has the socket of a client: no calls until it answers a ping"
            self._traffic.log.warning("is it a worker?", **fields, why=why)

    def on_handed(self, connection: Connection) -> None:
        """Do nothing: the broker's state tells of it."""

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        # Not in the worker's name: it serves others too, and waits for no client that is slow.
        self._relay.send(self._broker.from_worker(connection.tag, messages, monotonic()))
        self._traffic.arm()

    def on_full(self, connection: Connection) -> None:
        self._broker.pause(connection.tag)

    def on_drained(self, connection: Connection) -> None:
        # Who waits goes on first: it speaks on calls that are older than those in the queue.
        self._relay.release(connection)
        self._relay.send(self._broker.resume(connection.tag, monotonic()))

    def on_closed(self, connection: Connection, reason: str) -> None:
        self._relay.release(connection)
        if connection.tag is None:
            tell_refusal(self._traffic.log, connection, self.endpoint, reason)
            return
        worker, log = connection.tag, self._traffic.log
        say = log.warning if worker.load else log.info
        fields = {"hub": self._traffic.name, "worker": worker.name}
        say("worker gone", **fields, why=reason, in_flight=worker.load)
        if reason == "kicked":
            connection.tag.is_draining = True  # the operator's doing, and no failure of its own
        sends = self._broker.remove_worker(
            connection.tag,
            monotonic(),
            # Who broke a rule still gets what is queued: that is not to go elsewhere as well.
            0 if connection.is_ending else connection.unsent_messages,
            _SAID.get(reason, f"it broke a rule ({reason})"),
            connection.take_back,
        )
        self._relay.send(sends)
        # Last: the calls that it lost belong to what it did.
        self._traffic.ledger.bury(connection.tag)
        self._traffic.arm()


def _tie(connection: Connection, worker: Worker) -> None:
    """Let each know the other; of a worker's calls none may have been read, whatever it says."""
    connection.tag, connection.count_unread = worker, lambda: worker.load


def _who(connection: Connection, endpoint: str) -> str:
    """Return what a worker is recognised by when it connects again, an empty text for nothing."""
    peer = connection.session.peer
    if peer is not None and peer.identity:
        return f"{endpoint} identity {peer.identity.hex()}"
    # Where it is dialled, that is its whole address; else the port is another one each time.
    if connection.remote == endpoint:
        return endpoint
    if not connection.remote.startswith("tcp://"):
        return ""
    return f"{endpoint} {connection.remote.rpartition(':')[0]}"


# Why clients go every day; the log of a hub of many would be full of it.
_NOBODYS_FAULT = ("closed", "reset", "broken", "kicked", "lagging", "hub_ended")
# How a reason reads in the message that a caller gets.
_SAID = {
    "closed": "its connection was closed",
    "reset": "its connection broke",
    "broken": "its connection broke",
    "silent": "it does not answer",
    "kicked": "an operator hung up on it",
    "too_large": "it sent more than limits.message_bytes at a time",
    "slow_reader": "it did not take what was sent to it",
    "hub_ended": "the hub has ended",
}
