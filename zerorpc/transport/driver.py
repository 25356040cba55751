"""Binds one socket to one multiplexer: batches in, steps out, one timer, greenlets that wait.

This is where the sans-IO core meets gevent. The core says *what* is to be sent, served and woken;
this module does it, in the order: what is to be sent first, then new requests, then who waits.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, cast

import gevent
import zmq

from zerorpc.beats import probes
from zerorpc.channel import OPEN, Channel, nobody
from zerorpc.errors import ClosedError, EndpointError, LostRemote, ZerorpcError
from zerorpc.multiplexer import Multiplexer
from zerorpc.step import Request, Step
from zerorpc.transport.certainty import Certainty
from zerorpc.transport.complaints import Complaints
from zerorpc.transport.deputy import Deputy
from zerorpc.transport.endpoints import Endpoints
from zerorpc.transport.monitor import Monitor
from zerorpc.transport.parking import await_room, await_turn, wake
from zerorpc.transport.prober import Prober
from zerorpc.transport.process import hold
from zerorpc.transport.pump import BURST_BYTES, Pump
from zerorpc.transport.reconnecting import Reconnecting
from zerorpc.transport.rota import Rota
from zerorpc.transport.router import RouterPump
from zerorpc.transport.threads import end_watcher
from zerorpc.transport.watchdog import watchdog
from zerorpc.wire import Blob, Event

_log = logging.getLogger("zerorpc.transport")

# A server that was about to stop may run again, so after this a call may try it; refused, which is
# a promise that it was not started, it goes elsewhere.
_ASK_AGAIN_S = 1.0


class Driver:
    """One socket with its conversations.

    `on_requests`, which its owner sets, gets the new calls of a server, in the hub. `elsewhere`, of
    a client with several, returns one that is up, for calls that wait for room while this is not.
    `on_change` is told when a connection came up or went away.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        multiplexer: Multiplexer,
        on_change: Callable[[], None] = nobody,
    ) -> None:
        self.multiplexer = multiplexer
        self.interval = multiplexer.interval
        self.connections = 0
        self._heard = 0.0
        self._draining_until = self._marked_until = 0.0
        limits = multiplexer.limits
        self._is_server = multiplexer.is_server
        self.on_requests: Callable[..., None] = refuse
        self.elsewhere: Callable[[], Driver | None] = lambda: None
        self._on_change = on_change
        bounds = {"backlog_bytes": limits.backlog_bytes, "max_event_bytes": limits.event_bytes}
        self.pump: Pump
        if self._is_server:
            self.pump = RouterPump(context, self._on_batch, self._on_gone, **bounds)
        else:
            self.pump = Pump(context, zmq.DEALER, self._on_batch, **bounds)
        self.endpoints = Endpoints(self.pump)
        self.hub = gevent.get_hub()
        self.thread = self.pump.thread
        try:
            self._monitor = Monitor(self.pump.socket, self._on_connection)
        except zmq.ZMQError as error:
            self.pump.close()  # or its watchers would keep it, half a driver, for ever
            raise EndpointError(f"cannot open a socket: {error}", error.errno or 0) from error
        # One for all calls of the socket, set to the earliest deadline: a timer for each call would
        # cost 4 us more.
        self._timer = self.hub.loop.timer(0)
        self._prober = Prober(self._probe, lambda: self.pump.has_read_all)
        self._reconnecting = Reconnecting(self.pump, self.endpoints)
        self._rota = Rota()
        self._armed = float("inf")
        self._certainty = Certainty()
        self._complaints = Complaints(multiplexer)
        hold(self, context)
        self._deputy = Deputy(self.pump, multiplexer)
        if self.interval is not None:
            try:
                watchdog.add(self._deputy)
            except BaseException:
                self.close()  # as above
                raise

    @property
    def is_up(self) -> bool:
        """Whether a connection stands; always so for `inproc`, which has none to lose."""
        return self.connections > 0 or self.endpoints.has_inproc

    @property
    def is_draining(self) -> bool:
        """Whether the server at the other end refused a call just now, because it is to stop."""
        return self._draining_until > 0.0 and monotonic() < self._draining_until

    @property
    def is_inviting(self) -> bool:
        """Whether nothing speaks against a call here: it is up, and did not say that it drains."""
        if self._marked_until > 0.0 and monotonic() < self._marked_until:
            return False
        return self.is_up and not self.is_draining

    def mark_draining(self, *, for_good: bool) -> None:
        """Take note that the server refused a call because it is to stop.

        With `for_good` it is not asked again until there is another connection: a call that crosses
        its hanging up would be lost.
        """
        self._draining_until = math.inf if for_good else monotonic() + _ASK_AGAIN_S

    def connect(self, endpoint: str) -> str:
        """Connect a client's socket, to this one endpoint."""
        connected = self.endpoints.connect(endpoint)
        # What binds hears many, and a client has one socket for each that it connects to.
        self.pump.has_one_peer = not self.endpoints.bound
        self._reconnecting.hold(not self.endpoints.has_inproc)
        return connected

    # -- for owners of channels --------------------------------------------------------------

    def call(
        self,
        name: str,
        args: Any,
        timeout: float | None,
        slots: int | None,
        event: Event | None = None,
    ) -> Channel:
        """Open a channel and queue its opening event; waits for room when too much is queued."""
        pump, multiplexer = self.pump, self.multiplexer
        pump.check_usable()
        channel, frames = multiplexer.open(name, args, monotonic(), timeout, slots, event)
        channel.home = self
        deadline = multiplexer.deadline
        # Seldom so: for the first call after a pause, or for one with the shortest timeout of all.
        if deadline is not None and deadline < self._armed:
            self._arm(deadline)
        if pump.is_backed_up:
            pump = self._await_room_or_close(channel).pump
            if channel.state is not OPEN:
                return channel  # it ended while it waited, and would only lie in the queue
        pump.send(frames, channel)
        return channel

    def send(self, channel: Channel, name: str, args: Any, event: Event | None = None) -> None:
        """Send an event on a channel, waiting for the peer's credit and for room.

        Raises the channel's error when it ends meanwhile.
        """
        # Credit before room: who may not send yet has no use for it, and others may take it.
        while channel.credit < 1 and channel.state is OPEN:
            self.park(channel)
        pump = self.pump
        if pump.is_backed_up:
            while channel.state is OPEN and not pump.has_room(channel.envelope[0]):
                await_room(pump.waitlist, channel, self.park, channel.envelope[0])
        pump.send(self.multiplexer.send(channel, name, args, event))

    def send_item(self, channel: Channel, name: str, args: Any, event: Event | None = None) -> None:
        """Send, as `send`, one event of many: others run first if this turn has sent much."""
        if self.pump.burst_bytes >= BURST_BYTES:
            await_turn(self._rota, channel, self.park)
        self.send(channel, name, args, event)

    def wait(self, channel: Channel) -> Event:
        """Return the next event of a channel, when it comes.

        Raises the channel's error. When the waiting greenlet is interrupted the channel is closed,
        for nobody else can know how far it came.
        """
        if channel.item_bytes and not channel.unread:
            channel.await_item(monotonic())
            self._rearm(channel)
        if not channel.unread and channel.state is OPEN:
            self._park_until_woken(channel)
        event = self.poll(channel)
        if event is None:
            raise ClosedError("this stream has ended")
        return event

    def _park_until_woken(self, channel: Channel) -> None:
        # As `park`, but for a client: nothing else waits on its channels that could be put back.
        channel.wake = gevent.getcurrent().switch
        try:
            while not channel.unread and channel.state is OPEN:
                self.hub.switch()
        except BaseException:
            self.close_channel(channel)
            raise
        finally:
            channel.wake = nobody

    def poll(self, channel: Channel) -> Event | None:
        """Return the next event of a channel if it is here, and promise the peer room for more."""
        event = channel.take()
        if channel.until_grant <= 0 and event is not None and channel.state is OPEN:
            # Not `self`: the call may have been handed over before it was sent.
            home = channel.home
            more = home.multiplexer.grant(channel)
            if more is not None:
                home.pump.send(more)
        return event

    def hand_over(self, other: Driver) -> None:
        """Let another socket send the calls that this one could not send yet."""
        for frames, ticket in self.pump.withdraw():
            self._move(cast(Channel, ticket), other)
            other.pump.send(frames, ticket)

    def _move(self, channel: Channel, other: Driver) -> None:
        self.multiplexer.move(channel, other.multiplexer)
        channel.home = other
        other._rearm(channel)

    def park(self, channel: Channel) -> None:
        """Wait until something about the channel has changed."""
        # At a server this is what ends a handler that is busy elsewhere; it is put back afterwards.
        before = channel.wake
        channel.wake = gevent.getcurrent().switch
        try:
            # Only the hub switches back, by `channel.wake`; or it throws what a timeout or `kill`
            # says.
            self.hub.switch()
        finally:
            channel.wake = before

    def close_channel(self, channel: Channel) -> None:
        """End a conversation from this side, and let the peer know."""
        if channel.state is not OPEN:
            return
        home: Driver = channel.home
        message = home.multiplexer.close(channel)
        if message is not None and home.pump.unusable is None:
            home.pump.send(message)

    def let_go(self, channel: Channel) -> None:
        """Close, at the loop's next turn, the channel of a stream that nobody reads any more.

        It may be the garbage collector that found out: in another thread, or in the middle of a
        drain, whose lock it would wait for in vain. So nothing else is touched here.
        """
        if channel.state is OPEN and self.pump.unusable is None:
            self.thread.call(self.close_channel, channel)

    def last_word(self, channel: Channel, name: str, message: str) -> None:
        """Tell the peer with an ERR, whatever its credit, that this channel is over."""
        if channel.state is OPEN:
            self.pump.send(self.multiplexer.last_word(channel, name, message))

    def _await_room_or_close(self, channel: Channel) -> Driver:
        """Wait until there is room for a call, here or where it moves to; returns where."""
        home = self
        try:
            while channel.state is OPEN:
                other = None if home.is_up else home.elsewhere()
                if other is not None:
                    home._move(channel, other)
                    home = other
                elif home.pump.has_room():
                    break
                else:
                    await_room(home.pump.waitlist, channel, home.park)
        except BaseException:
            self.close_channel(channel)
            raise
        return home

    def close(self, linger: float = 0.0) -> None:
        """Close the socket; whoever waits on one of its channels gets `ClosedError`."""
        if not self.thread.is_here:
            self.thread.call(self.close, linger)
            return
        if self.pump.unusable is None:
            self._monitor.close()
            self._stop_timers()
            self.pump.close(linger)
        self._fail_all(ClosedError("the socket was closed"))

    def finish(self, patience: float) -> None:  # noqa: ARG002 - calls have nobody to wait for them
        """Close the socket as the process ends."""
        self.close()

    def abandon(self, reason: str) -> None:
        """Become unusable without touching the sockets, as the child of a fork must."""
        if self.pump.unusable is None:
            self._monitor.abandon()
            self._stop_timers()
            self.pump.abandon(reason)
            # A handler that forked goes on in the child: it learns at its next word that nobody is
            # there. Who only waits is left to wait, as are all greenlets that a child inherits.
            for channel in self.multiplexer.channels.values():
                channel.fail(ClosedError(reason))
            self.multiplexer.channels.clear()

    def _stop_timers(self) -> None:
        watchdog.discard(self._deputy)
        self._rota.close()
        self._prober.close()
        self._reconnecting.close()
        end_watcher(self._timer)

    def _fail_all(self, error: ZerorpcError) -> None:
        for channel in list(self.multiplexer.channels.values()):
            self.multiplexer.fail(channel, error)
            # Not from here: the owner may be the one that closes, or wait elsewhere in user code.
            self.thread.call(wake, channel)

    # -- the loop's side ---------------------------------------------------------------------

    def _on_batch(self, batch: list[list[Blob]]) -> None:
        now = self._heard = monotonic()
        multiplexer = self.multiplexer
        step = multiplexer.receive(batch, now)
        # Before anyone is woken who may call again. It is only a preference: where a hub's worker
        # says so, the hub itself goes on to take calls.
        if step.is_peer_draining and self.pump.has_one_peer:
            self._marked_until = monotonic() + _ASK_AGAIN_S
        self._perform(step)
        if multiplexer.deadline is not None and multiplexer.deadline < self._armed:
            self._arm(multiplexer.deadline)
        if multiplexer.dropped_count != self._complaints.told:
            self._complaints.tell()

    def _perform(self, step: Step) -> None:
        # First of all, or a heartbeat would wait for a handler that begins by computing.
        for frames in step.send:
            # These answer or remind the peer without anyone who could wait for room: refusals to
            # a peer that calls and calls but never reads would pile up without end.
            peer: bytes = frames[0]  # type: ignore[assignment]  # only a payload can be a view
            if not self.pump.is_backed_up or self.pump.has_room(peer):
                self.pump.send(frames)
        if step.opened:
            self.on_requests(*step.opened)
        for channel in step.woken:
            try:
                channel.wake()
            except BaseException:
                # A greenlet made by `spawn_raw` ends here with what it raises. The others still
                # have to be woken, so it is reported as gevent reports callbacks that fail.
                self.hub.handle_error(channel, *sys.exc_info())

    def _on_gone(self, identities: set[bytes]) -> None:
        step = self.multiplexer.lose(identities, "its connection broke")
        cast(RouterPump, self.pump).forget_peers(identities, len(step.woken))
        self._perform(step)

    def _on_connection(self, is_up: bool, endpoint: str) -> None:
        self.connections += 1 if is_up else -1
        # What answers there from now on is, as far as one can tell, another server.
        self._draining_until = self._marked_until = 0.0
        if self._is_server:
            # Which client it was libzmq does not say; whom a heartbeat does not reach, it was.
            # Its calls may still lie unread: what is to be looked for is seen at each look.
            if not is_up:
                self._prober.start()
        elif is_up:
            self._reconnecting.came_up()
        elif not self.endpoints.bound or not self.connections:
            # Of a socket that is bound for many peers nobody knows whose calls are lost.
            self._lose_all(f"the connection to {endpoint} broke")
        self._on_change()

    def _lose_all(self, why: str) -> None:
        """End all calls that were sent, and see to another connection."""
        if self.endpoints.connected:
            # First of all, as those who are woken by what follows may call again at once.
            self._reconnecting.hold(True)
        # What came before the end still counts, and would be lost with the connection.
        self.pump.read_all()
        self._perform(self.multiplexer.lose(None, why))
        if self.endpoints.connected and self.pump.unusable is None:
            self.connections = 0
            self._reconnecting.went_down()

    def _probe(self) -> None:
        step = Step()
        step.send.extend(probes(self.multiplexer, cast(RouterPump, self.pump).strict))
        self._perform(step)

    def _rearm(self, channel: Channel) -> None:
        """See to it that the timer fires in time for a deadline that has moved."""
        self.multiplexer.consider(channel)
        deadline = self.multiplexer.deadline
        if deadline is not None and deadline < self._armed:
            self._arm(deadline)

    def _arm(self, deadline: float) -> None:
        self._armed = deadline
        end_watcher(self._timer)
        self._timer = self.hub.loop.timer(max(0.0, deadline - monotonic()))
        self._timer.start(self._tick)

    def _tick(self) -> None:
        stall = monotonic() - self._armed
        self._armed = float("inf")
        # What lies in the socket may be the very sign of life, or the answer, that seems to be
        # missing.
        self.pump.read_now()
        if self.pump.unusable is not None:
            return
        now = monotonic()
        is_certain = self._certainty.is_given(stall, now, is_drained=self.pump.is_drained)
        step = self.multiplexer.on_deadline(now, is_silence_certain=is_certain)
        self._leave_if_silent(step)
        if step.lost:
            cast(RouterPump, self.pump).forget_peers(step.lost, len(step.woken))
        self._perform(step)
        if not self._is_server and self.pump.queued > 2 * len(self.multiplexer.channels):
            self.pump.forget_lapsed()
        deadline = self.multiplexer.deadline
        if deadline is not None and deadline < self._armed and self.pump.unusable is None:
            self._arm(deadline)

    def _leave_if_silent(self, step: Step) -> None:
        """Make a connection anew whose peer is silent, for all of its channels.

        A frozen one takes no other, so calls go elsewhere; behind a proxy others may be well.
        """
        # Of a hub one worker may be silent while all others are heard.
        lost = (each for each in step.woken if type(each.error) is LostRemote)
        is_silent = self.connections > 0 and any(self._heard <= each.last_heard for each in lost)
        if is_silent and not self._is_server and not self.endpoints.bound:
            self._monitor.forget()
            self._lose_all("the connection is silent")
            self._on_change()


def refuse(*requests: Request) -> None:
    """Stand in for `on_requests` where no call can come: at a client, and before `run()`."""
    raise AssertionError(requests)
