"""Types `pubsub` and `pipeline`: connections on one side, who gets what on the other.

Nothing is answered here, so the front only reads and the back only writes - but for subscriptions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zerorpc.connection import Connection
from zerorpc.zmtp import Message
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.config import Hub, Limits, Way
from zerorpc_hub.fanout import Fanout
from zerorpc_hub.held import Held
from zerorpc_hub.pipeline import Pipeline
from zerorpc_hub.there import There
from zerorpc_hub.traffic import Side, Traffic, short_name, tell_refusal


class FanoutTraffic(Traffic):
    """Publishers speak, every subscriber hears."""

    front_type, back_type = "SUB", "PUB"

    def __init__(self, limits: Limits, log: EventLog) -> None:
        super().__init__()
        self.log = log
        self.fanout = Fanout(limits.subscriptions, limits.subscription_bytes)
        self.there = There()

    def front(self, endpoint: str) -> Side:
        """Return the owner of publishers."""
        return _Publishers(self, endpoint)

    def back(self, endpoint: str, pool: str, way: Way) -> Side:  # noqa: ARG002
        """Return the owner of subscribers."""
        return _Subscribers(self, endpoint)

    @property
    def in_progress(self) -> int:
        """Nothing: what was read has been handed on."""
        return 0

    @property
    def backs(self) -> int:
        """How many subscribers there are."""
        return len(self.fanout.subscribers)

    def revise(self, name: str, hub: Hub, ways: Mapping[str, tuple[str, Way]]) -> None:  # noqa: ARG002
        """Follow other bounds; who is beyond them is hung up on when it subscribes again."""
        fanout, limits = self.fanout, hub.limits
        fanout.most, fanout.most_bytes = limits.subscriptions, limits.subscription_bytes

    def export(self, number: Callable[[Connection], int]) -> dict[str, Any]:
        """Return subscriptions and counters as plain data."""
        fanout = self.fanout
        return {
            "subscribers": [
                (number(each.peer), each.prefixes, each.sent, each.missed)
                for each in fanout.subscribers
            ],
            "counts": (fanout.received, fanout.sent, dict(fanout.dropped)),
        }

    def restore(self, state: dict[str, Any], connections: Mapping[int, Connection]) -> None:
        """Go on with them."""
        fanout = self.fanout
        for number, prefixes, sent, missed in state["subscribers"]:
            connection = connections[number]
            connection.tag = subscriber = fanout.add_subscriber(connection)
            subscriber.prefixes, subscriber.sent, subscriber.missed = prefixes, sent, missed
            subscriber.is_paused = connection.is_full
        fanout.received, fanout.sent, dropped = state["counts"]
        fanout.dropped.update(dropped)

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        fanout, there = self.fanout, self.there
        return {
            "publishers": there.count("in"),
            "subscribers": len(fanout.subscribers),
            "messages": {"in": fanout.received, "out": fanout.sent},
            "dropped": dict(fanout.dropped),
            "by_endpoint": there.plain(),
            "by_subscriber": {
                short_name(each.peer): {"sent": each.sent, "missed": each.missed}
                for each in fanout.subscribers
            },
        }


class PipelineTraffic(Traffic):
    """Pushers push, one puller gets each message."""

    front_type, back_type = "PULL", "PUSH"

    def __init__(self, hub: Hub, log: EventLog) -> None:
        super().__init__()
        self.log = log
        self.pipeline = Pipeline(hub.queue.max, hub.queue.bytes)
        self.there = There()
        self.held = Held(hub.limits.connections // 2)

    def front(self, endpoint: str) -> Side:
        """Return the owner of pushers."""
        return _Pushers(self, endpoint)

    def back(self, endpoint: str, pool: str, way: Way) -> Side:  # noqa: ARG002
        """Return the owner of pullers."""
        return _Pullers(self, endpoint)

    @property
    def in_progress(self) -> int:
        """How many messages wait."""
        return self.pipeline.queued + len(self.held.messages)

    @property
    def backs(self) -> int:
        """How many pullers there are."""
        return len(self.pipeline.pullers)

    def hear(self, source: Connection, messages: Sequence[Message] = ()) -> None:
        """Take in what a pusher says, and read no more of it while the queue is full."""
        # Said in the read that made it ready: not queued, or whoever connects again and again
        # would add as much each time.
        if source in self.held:
            self.held.add(source, messages)
            return
        self.relay.send(self.pipeline.from_pusher(messages))
        if self.pipeline.is_full:
            self.held.add(source)

    def review(self) -> None:
        """Let pushers go on once the queue has room."""
        if not self.held:
            return
        for source in self.held.all():
            # What the one before had said may have filled it again.
            if self.pipeline.is_full:
                return
            self.hear(source, self.held.take(source))

    def revise(self, name: str, hub: Hub, ways: Mapping[str, tuple[str, Way]]) -> None:  # noqa: ARG002
        """Follow other bounds; what waits beyond them may go on doing so."""
        self.pipeline.most, self.pipeline.most_bytes = hub.queue.max, hub.queue.bytes
        self.held.most = hub.limits.connections // 2
        self.review()

    def export(self, number: Callable[[Connection], int]) -> dict[str, Any]:
        """Return what waits, and counters, as plain data."""
        pipeline = self.pipeline
        return {
            "waiting": pipeline.waiting + self.held.messages,
            "pullers": [(number(each.peer), each.sent) for each in pipeline.pullers],
            "counts": (pipeline.received + len(self.held.messages), pipeline.sent),
        }

    def restore(self, state: dict[str, Any], connections: Mapping[int, Connection]) -> None:
        """Go on with them."""
        pipeline = self.pipeline
        for number, sent in state["pullers"]:
            connection = connections[number]
            connection.tag, _ = pipeline.add_puller(connection)
            connection.tag.sent = sent
            if connection.is_full:
                pipeline.pause(connection.tag)
        received, pipeline.sent = state["counts"]
        # Mostly there is nobody to whom it could go, or it would not have waited.
        self.relay.send(pipeline.from_pusher(state["waiting"]))
        pipeline.received = received

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        pipeline, there = self.pipeline, self.there
        return {
            "pushers": there.count("in"),
            "pullers": len(pipeline.pullers),
            "messages": {"in": pipeline.received, "out": pipeline.sent},
            "queued": pipeline.queued,
            "queued_bytes": pipeline.queued_bytes,
            "queue_max": pipeline.most,
            "by_endpoint": there.plain(),
            "by_puller": {short_name(each.peer): {"sent": each.sent} for each in pipeline.pullers},
        }


class _Side:
    """What all four kinds of peers have in common: they come and go, and the log is told."""

    kind = side = pool = ""

    def __init__(self, log: EventLog, there: There, endpoint: str) -> None:
        self._log, self.endpoint = log, endpoint
        self._everyone = there

    @property
    def _there(self) -> set[Connection]:
        return self._everyone.at(self.endpoint, self.side)

    def expect(self) -> None:
        self._everyone.at(self.endpoint, self.side)

    def on_ready(self, connection: Connection) -> None:
        self._there.add(connection)
        self._log.info(
            f"{self.kind} connected", peer=short_name(connection), endpoint=self.endpoint
        )

    def on_handed(self, connection: Connection) -> None:
        self._there.add(connection)

    def on_full(self, connection: Connection) -> None:
        """Do nothing: little goes to a peer that sends."""

    def on_drained(self, connection: Connection) -> None:
        """Do nothing, as for `on_full`."""

    def on_closed(self, connection: Connection, reason: str) -> None:
        self._there.discard(connection)
        if connection.was_ready:
            self._log.info(f"{self.kind} gone", peer=short_name(connection), why=reason)
        else:
            tell_refusal(self._log, connection, self.endpoint, reason)


class _Publishers(_Side):
    kind, side = "publisher", "in"

    def __init__(self, traffic: FanoutTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, traffic.there, endpoint)
        self._traffic = traffic

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        # Of everything, as zerorpc's subscribers want it.
        connection.command(connection.session.subscription(b""))

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:  # noqa: ARG002
        # Not in the publisher's name: it waits for nobody.
        self._traffic.relay.send(self._traffic.fanout.from_publisher(messages))


class _Subscribers(_Side):
    kind, side = "subscriber", "out"

    def __init__(self, traffic: FanoutTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, traffic.there, endpoint)
        self._fanout = traffic.fanout

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        connection.tag = self._fanout.add_subscriber(connection)

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        if not self._fanout.from_subscriber(connection.tag, messages):
            # A subscription is not answered: this is all that tells its peer.
            fields = {"peer": connection.remote, "endpoint": self.endpoint}
            self._log.warning("subscriber asks for too much", **fields)
            connection.finish("too_many_subscriptions")

    def on_full(self, connection: Connection) -> None:
        connection.tag.is_paused = True

    def on_drained(self, connection: Connection) -> None:
        connection.tag.is_paused = False

    def on_closed(self, connection: Connection, reason: str) -> None:
        super().on_closed(connection, reason)
        if connection.tag is not None:
            self._fanout.remove_subscriber(connection.tag)


class _Pushers(_Side):
    kind, side = "pusher", "in"

    def __init__(self, traffic: PipelineTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, traffic.there, endpoint)
        self._traffic = traffic

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        self._hold_if_full(connection)

    def on_handed(self, connection: Connection) -> None:
        super().on_handed(connection)
        self._hold_if_full(connection)

    def _hold_if_full(self, connection: Connection) -> None:
        # Not only after a message of it, which may be as large as one can be.
        if self._traffic.pipeline.is_full:
            self._traffic.held.add(connection)

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        self._traffic.hear(connection, messages)

    def on_closed(self, connection: Connection, reason: str) -> None:
        super().on_closed(connection, reason)
        self._traffic.held.discard(connection)


class _Pullers(_Side):
    kind, side = "puller", "out"

    def __init__(self, traffic: PipelineTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, traffic.there, endpoint)
        self._traffic = traffic

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        connection.tag, sends = self._traffic.pipeline.add_puller(connection)
        self._traffic.relay.send(sends)
        self._traffic.review()

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        """Do nothing: a puller has nothing to say."""

    def on_full(self, connection: Connection) -> None:
        self._traffic.pipeline.pause(connection.tag)

    def on_drained(self, connection: Connection) -> None:
        self._traffic.relay.send(self._traffic.pipeline.resume(connection.tag))
        self._traffic.review()

    def on_closed(self, connection: Connection, reason: str) -> None:
        super().on_closed(connection, reason)
        if connection.tag is not None:
            # Whole messages only: of one that was begun it may have seen everything that counts.
            # And none that one who broke a rule still gets before it is hung up on.
            unsent = [] if connection.is_ending else connection.take_back()
            self._traffic.relay.send(self._traffic.pipeline.remove_puller(connection.tag, unsent))
            self._traffic.review()
