"""Types `pubsub` and `pipeline`: connections on one side, who gets what on the other.

Nothing is answered here, so the front only reads and the back only writes - but for subscriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerorpc.connection import Connection, Owner
from zerorpc.zmtp import Message
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.config import Way
from zerorpc_hub.fanout import Fanout
from zerorpc_hub.pipeline import Pipeline
from zerorpc_hub.traffic import Traffic


class FanoutTraffic(Traffic):
    """Publishers speak, every subscriber hears."""

    front_type, back_type = "SUB", "PUB"

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self.log = log
        self.fanout = Fanout()

    def front(self, endpoint: str) -> Owner:
        """Return the owner of publishers."""
        return _Publishers(self, endpoint)

    def back(self, endpoint: str, pool: str, way: Way) -> Owner:  # noqa: ARG002
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

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        fanout = self.fanout
        return {
            "subscribers": len(fanout.subscribers),
            "received": fanout.received,
            "sent": fanout.sent,
            "dropped": dict(fanout.dropped),
        }


class PipelineTraffic(Traffic):
    """Pushers push, one puller gets each message."""

    front_type, back_type = "PULL", "PUSH"

    def __init__(self, most: int, most_bytes: int, log: EventLog) -> None:
        super().__init__()
        self.log = log
        self.pipeline = Pipeline(most, most_bytes)
        self._held: dict[Connection, None] = {}

    def front(self, endpoint: str) -> Owner:
        """Return the owner of pushers."""
        return _Pushers(self, endpoint)

    def back(self, endpoint: str, pool: str, way: Way) -> Owner:  # noqa: ARG002
        """Return the owner of pullers."""
        return _Pullers(self, endpoint)

    @property
    def in_progress(self) -> int:
        """How many messages wait."""
        return self.pipeline.queued

    @property
    def backs(self) -> int:
        """How many pullers there are."""
        return len(self.pipeline.pullers)

    def hold(self, source: Connection) -> None:
        """Read no more of a pusher while the queue is full."""
        if source not in self._held:
            self._held[source] = None
            source.pause()

    def review(self) -> None:
        """Let pushers go on once the queue has room."""
        if self._held and not self.pipeline.is_full:
            held, self._held = self._held, {}
            for source in held:
                source.resume()

    def statistics(self) -> Mapping[str, Any]:
        """Return what it counted, as plain data."""
        pipeline = self.pipeline
        return {
            "pullers": len(pipeline.pullers),
            "received": pipeline.received,
            "sent": pipeline.sent,
            "queued": pipeline.queued,
        }


class _Side:
    """What all four kinds of peers have in common: they come and go, and the log is told."""

    kind = ""

    def __init__(self, log: EventLog, endpoint: str) -> None:
        self._log, self._endpoint = log, endpoint

    def on_ready(self, connection: Connection) -> None:
        self._log.info(f"{self.kind} connected", peer=connection.remote, endpoint=self._endpoint)

    def on_full(self, connection: Connection) -> None:
        """Do nothing: little goes to a peer that sends."""

    def on_drained(self, connection: Connection) -> None:
        """Do nothing, as for `on_full`."""

    def on_closed(self, connection: Connection, reason: str) -> None:
        if connection.was_ready:
            self._log.info(f"{self.kind} gone", peer=connection.remote, why=reason)
        else:
            self._log.warning(
                "connection refused", peer=connection.remote, endpoint=self._endpoint, why=reason
            )


class _Publishers(_Side):
    kind = "publisher"

    def __init__(self, traffic: FanoutTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, endpoint)
        self._traffic = traffic

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        # Of everything, as zerorpc's subscribers want it.
        connection.command(connection.session.subscription(b""))

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:  # noqa: ARG002
        # Not in the publisher's name: it waits for nobody.
        self._traffic.relay.send(self._traffic.fanout.from_publisher(messages))


class _Subscribers(_Side):
    kind = "subscriber"

    def __init__(self, traffic: FanoutTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, endpoint)
        self._fanout = traffic.fanout

    def on_ready(self, connection: Connection) -> None:
        super().on_ready(connection)
        connection.tag = self._fanout.add_subscriber(connection)

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        self._fanout.from_subscriber(connection.tag, messages)

    def on_full(self, connection: Connection) -> None:
        connection.tag.is_paused = True

    def on_drained(self, connection: Connection) -> None:
        connection.tag.is_paused = False

    def on_closed(self, connection: Connection, reason: str) -> None:
        super().on_closed(connection, reason)
        if connection.tag is not None:
            self._fanout.remove_subscriber(connection.tag)


class _Pushers(_Side):
    kind = "pusher"

    def __init__(self, traffic: PipelineTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, endpoint)
        self._traffic = traffic

    def on_messages(self, connection: Connection, messages: list[Message]) -> None:
        pipeline = self._traffic.pipeline
        self._traffic.relay.send(pipeline.from_pusher(messages))
        if pipeline.is_full:
            self._traffic.hold(connection)


class _Pullers(_Side):
    kind = "puller"

    def __init__(self, traffic: PipelineTraffic, endpoint: str) -> None:
        super().__init__(traffic.log, endpoint)
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
            unsent = connection.take_back()
            self._traffic.relay.send(self._traffic.pipeline.remove_puller(connection.tag, unsent))
            self._traffic.review()
