"""One ZeroMQ socket on the gevent loop: reads and sends in batches, and loses no wake-up.

ZeroMQ's file descriptor is edge-triggered: it says once that *something* changed, and then EVENTS
must be read again after every send and every receive, or the next change goes unnoticed. So all of
it happens in one place, `_drain`, which ends only when EVENTS, read last, holds nothing to do.

What is to be sent collects in `_out` while a batch is handled and goes out at its end. A native
lock lets the watchdog thread send too; taken per batch it costs nothing measurable.

It must not know what an event or a channel is: frames come and go, with an opaque ticket at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import zmq
from gevent import monkey
from zmq.backend.cython._zmq import Socket as _Backend

from zerorpc.errors import ClosedError
from zerorpc.transport.ahead import Ahead
from zerorpc.transport.backlog import (
    MESSAGE_BYTES,
    Entry,
    Ticket,
    cost_of,
    has_lapsed,
    has_ticket,
    take_out,
)
from zerorpc.transport.options import set_up
from zerorpc.transport.process import check_not_inherited, open_socket
from zerorpc.transport.threads import LoopThread, end_watcher, is_interrupted
from zerorpc.transport.waitlist import Waitlist
from zerorpc.wire import Blob, Frames

_allocate_lock = monkey.get_original("_thread", "allocate_lock")

NOBLOCK = int(zmq.NOBLOCK)
MORE = int(zmq.NOBLOCK | zmq.SNDMORE)
EVENTS = int(zmq.EVENTS)
POLLIN = int(zmq.POLLIN)
_POLLOUT = int(zmq.POLLOUT)

# Messages handled before the loop gets a turn: with more, others wait; with less, batches shrink.
_TURN = 256
_BATCH = 64
# What is sent before others get a turn: who grants a million credits, or asks for answers of a
# megabyte each, would else have the server to himself.
BURST_BYTES = 1 << 18
# Sending this many at a time lets the peer work on the first while we make the next.
_FLUSH_AT = 32
# Or this much, as only what went out of here, or did not, shows who has no room left.
_FLUSH_BYTES = 1 << 20
# A batch ends with so many bytes: what it is to be counted against is asked behind it.
_BATCH_BYTES = 8 << 20
# Below this a copy is cheaper than keeping the frame; above it the payload stays where it is.
KEEP_FRAME_BYTES = 65536


class Pump:
    """Moves messages between one socket and `on_batch`, which gets lists of lists of frames.

    `on_batch` runs in the hub and may switch to other greenlets, but must not raise.
    `backlog_bytes` bounds what waits here because the other side takes no more: beyond it
    `has_room` is False, and whoever puts himself on the `waitlist` is woken when it is not.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        socket_type: int,
        on_batch: Callable[[list[list[Blob]]], None],
        *,
        backlog_bytes: int,
        max_event_bytes: int,
    ) -> None:
        check_not_inherited(context)
        self.socket = open_socket(context, socket_type)
        set_up(self.socket, max_event_bytes)
        self.lock = _allocate_lock()
        self.backlog_bytes = backlog_bytes
        self.queued_bytes = 0
        self.is_held = False  # while True, what is queued stays here
        self.is_drained = True
        # Whether all that is received comes from one peer, or nothing is known of it yet.
        self.has_one_peer = False
        self._is_plain = False
        self.unusable: str | None = None
        self.hub: gevent.hub.Hub | None = gevent.get_hub()
        self.thread = LoopThread()
        # The backend's: `send_multipart` and `recv_multipart` around them take five times as long.
        self._tx, self._rx, self._get = (
            getattr(_Backend, name).__get__(self.socket) for name in ("send", "recv", "get")
        )
        self.on_batch = on_batch
        self._out: deque[Entry] = deque()
        self._left_over = 0  # of these, when they were last sent as far as there was room
        self._ahead = Ahead()
        self.burst_bytes = 0  # sent since the loop's last turn
        self.turns = 0  # of the loop, for another thread to see whether it runs
        # How many messages to read before asking for more: a read that finds none costs 4 us.
        self._stride, self._was_full = 1, False
        self.waitlist = Waitlist()
        self._is_letting_on = False
        self._is_draining = self._is_scheduled = self._is_reading = False
        self._start_watchers()

    def _start_watchers(self) -> None:
        loop = gevent.get_hub().loop
        self._run_callback = loop.run_callback
        self._io = loop.io(int(self.socket.getsockopt(zmq.FD)), 1)
        self._kick = loop.async_()
        self._io.start(self._drain, True)
        self._kick.start(self._drain)

    # -- for owners --------------------------------------------------------------------------

    def start_reading(self) -> None:
        """Let received messages come to `on_batch`."""
        self._is_reading = True
        self.schedule()

    def stop_reading(self) -> None:
        """Leave further messages in the socket."""
        self._is_reading = False

    @property
    def has_read_all(self) -> bool:
        """Whether the last look at the socket has left nothing unread."""
        return self._is_reading and self.is_drained

    def send(self, frames: Frames, ticket: Ticket | None = None) -> None:
        """Queue a message; it goes out when the current batch ends or the caller waits."""
        self._out.append((frames, ticket))
        self.queued_bytes += len(frames[-1]) + MESSAGE_BYTES
        if len(self._out) >= _FLUSH_AT or self.queued_bytes >= _FLUSH_BYTES:
            self.flush_now()
        # Within a drain there is no need, since it sends at its end.
        elif not (self._is_draining or self._is_scheduled):
            self.schedule()

    @property
    def is_backed_up(self) -> bool:
        """Whether `has_room` can be False for anyone: quick, and seldom True."""
        return self.queued_bytes > self.backlog_bytes

    def has_room(self, identity: bytes | None = None) -> bool:
        """Tell whether the backlog (of one peer, where there are many) is within its bound."""
        return identity is not None or self.queued_bytes <= self.backlog_bytes

    def forget_lapsed(self) -> None:
        """Let go of queued messages that nobody needs any more."""
        self._take_out(has_lapsed)

    def withdraw(self) -> list[tuple[Frames, Ticket]]:
        """Take back the messages with a ticket that were not sent yet and are still needed."""
        self.forget_lapsed()
        taken = self._take_out(has_ticket)
        return [(frames, ticket) for frames, ticket in taken if ticket is not None]

    def _take_out(self, is_unwanted: Callable[[Entry], bool]) -> list[Entry]:
        taken = take_out(self._out, is_unwanted)
        self.queued_bytes -= sum(cost_of(frames) for frames, _ in taken)
        self._wake_waiting()
        return taken

    @property
    def queued(self) -> int:
        """How many messages wait here to be sent."""
        return len(self._out)

    def send_from_thread(self, messages: Sequence[Frames]) -> None:
        """Send at once from another thread what can be sent at once, and wake the loop.

        What the socket does not take is left out: it is heartbeats, and the next ones will do.
        """
        # Checked under the lock: the loop's thread may be closing the socket right now.
        with self.lock:
            if self.unusable is not None:
                return
            for frames in messages:
                try:
                    self._transmit(frames)
                except zmq.ZMQError:
                    continue
        self.kick()  # the sending has used up the edge of the file descriptor

    def read_ahead(self) -> list[list[Blob]]:
        """Receive, in another thread, what the loop does not get to; it still gets it, in order.

        Returns what was read this time. Bounded: the rest stays in the socket.
        """
        with self.lock:
            is_reading = self._is_reading and self.unusable is None
            read = self._ahead.read(self._receive) if is_reading else []
        self.kick()
        return read

    def kick(self) -> None:
        """Have the loop take a turn; for other threads."""
        with self.lock:  # not while the watcher is being closed
            if self.unusable is None:
                self._kick.send()

    def read_now(self) -> None:
        """Handle what lies in the socket before going on; for the hub only."""
        if not self._is_draining:
            self._drain()

    def read_all(self) -> None:
        """Handle everything that lies in the socket, which is no more than libzmq queues."""
        self.read_now()
        while not self.is_drained and self.unusable is None:
            self.read_now()

    def close(self, linger: float = 0.0) -> None:
        """Close the socket; `linger` seconds are left to ZeroMQ for what it already took."""
        if not self.thread.is_here or (self.unusable is None and is_interrupted(self.lock)):
            self.thread.call(self.close, linger)
        elif self.unusable is None:
            with self.lock:
                self.abandon("it was closed")
                self.socket.close(linger=int(linger * 1000))
            self.thread.call(self._wake_waiting)

    def abandon(self, reason: str) -> None:
        """Stop using the socket without touching it, as the child of a fork must."""
        self.unusable = reason
        self.hub = None
        end_watcher(self._io)
        end_watcher(self._kick)

    def check_usable(self) -> None:
        """Raise `ClosedError` with the reason when this thread or process cannot use the socket."""
        if gevent.get_hub() is not self.hub:
            reason = self.unusable or "it belongs to another thread; make one per thread"
            raise ClosedError(f"this socket cannot be used: {reason}")

    # -- the loop's side ---------------------------------------------------------------------

    def schedule(self) -> None:
        """Have the loop see, at its next turn, what there is to send and to receive."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._run_callback(self._drain)

    def _drain(self, is_woken: bool = False) -> None:
        """Send and receive until there is nothing left to do, or others should get a turn."""
        self._is_scheduled = False
        self.turns += 1
        self.burst_bytes = 0
        if self._is_draining or self.unusable is not None:
            return
        self._is_draining = True
        left, is_done = _TURN, False
        try:
            while self.unusable is None:
                with self.lock:
                    if self.hub is None:
                        return
                    batch, must_look_again = self._exchange(min(left, _BATCH), is_woken)
                is_woken = False
                self._after_exchange()
                if batch:
                    self.on_batch(batch)
                elif not must_look_again:
                    self.is_drained = is_done = True
                    return
                # Looks that found nothing count as well, or sending alone could go on for ever.
                left -= len(batch) or 1
                if self.burst_bytes >= BURST_BYTES:
                    left, self._stride, self._was_full = 0, 1, False
                if left <= 0:
                    self.is_drained = False
                    # Not by `run_callback`: gevent runs up to 50 of these before it looks at
                    # anything else, and timers were up to a second late beside a busy stream.
                    self._kick.send()
                    return
        except BaseException:
            self._run_callback(self._restart)
            raise
        finally:
            self._is_draining = False
            # Queued by a signal's handler since then, and so scheduled by nobody.
            if is_done and len(self._out) > self._left_over and not self.is_held:
                self.schedule()

    def _restart(self) -> None:
        """Go on after an exception, such as the KeyboardInterrupt of a Ctrl-C, struck in a drain.

        gevent no longer watches a descriptor whose callback has raised, and nobody would notice
        what arrives.
        """
        if self.unusable is None:
            self._io.stop()
            self._io.start(self._drain, True)
            self._drain()

    def _exchange(self, most: int, is_woken: bool) -> tuple[list[list[Blob]], bool]:
        """Send what is queued and receive up to `most` messages.

        Returns these, and whether to look again: False only if EVENTS, read after the last send and
        receive, which arms the file descriptor again, shows nothing to do.
        """
        if self._out:
            self._send_queued()
            is_woken = False
        # What the watchdog's thread has read came before whatever is still in the socket.
        if self._ahead and self._is_reading:
            return self._ahead.take(most), True
        # Woken by the descriptor, a reader reads at once, without asking for EVENTS. Who does not
        # read must ask: until then the descriptor stays readable, and the loop would spin.
        events = POLLIN if is_woken and self._is_reading else self._get(EVENTS)
        if not (events & POLLIN and self._is_reading):
            self._was_full = False
            return [], bool(self._out and not self.is_held and events & _POLLOUT)
        if self._was_full:
            self._stride = min(2 * self._stride, _BATCH)
        batch: list[list[Blob]] = []
        receive, most, room = self._receive, min(most, self._stride), _BATCH_BYTES
        try:
            while len(batch) < most and room > 0:
                batch.append(frames := receive())
                room -= len(frames[-1])
            self._was_full = True
        except zmq.Again:
            # Read empty; the next look at EVENTS arms the descriptor.
            self._stride, self._was_full = max(1, len(batch)), False
        return batch, True

    def _receive(self) -> list[Blob]:
        """Return the last frame of a message: without many peers there is no envelope to keep."""
        # A copy costs 0.3 us, a frame that can tell whether more follow 1.1 us. So the one peer of
        # a connected DEALER is believed to send a delimiter and a payload: what else it sends may
        # be cut wrongly, at its own expense.
        receive = self._rx
        if not self._is_plain:
            frame = receive(NOBLOCK, False)
            while frame.more:
                frame = receive(NOBLOCK, False)
            # Where payloads are large, copies are what costs.
            self._is_plain = self.has_one_peer and len(frame) < KEEP_FRAME_BYTES
            return [frame.bytes if len(frame) < KEEP_FRAME_BYTES else frame.buffer]
        payload = receive(NOBLOCK)
        if not payload:
            try:
                payload = receive(NOBLOCK)
            except zmq.Again:
                pass  # nothing but a delimiter, which counts as malformed
        self._is_plain = len(payload) < KEEP_FRAME_BYTES
        return [payload]

    @property
    def _must_follow_up(self) -> bool:
        """Whether `_after_exchange` has something to do."""
        return False

    def _after_exchange(self) -> None:
        """Do, in the hub and outside the lock, what an exchange has made necessary."""

    def _transmit(self, frames: Frames) -> None:
        """Hand one message to ZeroMQ; `Again` comes before or with nothing of it taken.

        libzmq decides on the first frame, or takes back the earlier ones when the pipe is lost.
        """
        transmit = self._tx
        # All but what came through a hub has two frames, or three with the identity of a peer.
        if len(frames) == 2:
            transmit(frames[0], MORE)
        elif len(frames) == 3:
            transmit(frames[0], MORE)
            transmit(frames[1], MORE)
        else:
            for frame in frames[:-1]:
                transmit(frame, MORE)
        transmit(frames[-1], NOBLOCK)

    def _send_one(self, frames: Frames) -> None:
        self._transmit(frames)

    def _send_queued(self) -> None:
        if self.is_held:
            return
        out, before = self._out, self.queued_bytes
        transmit = self._send_one
        try:
            while out:
                frames, ticket = out[0]
                if ticket is None:
                    transmit(frames)
                elif not ticket.has_lapsed:
                    transmit(frames)
                    ticket.is_sent = True
                out.popleft()
                self.queued_bytes -= len(frames[-1]) + MESSAGE_BYTES
        except zmq.Again:
            pass  # EVENTS will tell when there is room
        self._left_over = len(out)
        if self.queued_bytes < before:
            self.burst_bytes += before - self.queued_bytes
            self._wake_waiting()

    def flush_now(self) -> None:
        """Send what is queued in the middle of a batch, or of a caller that does not wait."""
        # Before the lock, which a watchdog may have held at the moment of a fork: for ever, then.
        if self.unusable is not None:
            return
        # A signal's handler may have interrupted its own thread, which has it: it would wait for
        # itself. Not by trying to acquire it: what another handler raises in between would keep it.
        if self.lock.locked():
            if not self._is_draining:
                self.schedule()
            return
        with self.lock:
            if self.hub is None:  # a signal handler closed it at this very moment
                return
            self._send_queued()
            # Each send, and this look, may use up the edge of the descriptor: who waits would wait
            # for ever. So what it shows is to be done, also room that came right after the sends.
            to_do = self._get(EVENTS) & (POLLIN | _POLLOUT if self._out else POLLIN)
        # Whatever follows wakes greenlets, which only the hub may do: leave it to a drain.
        if (to_do or self._must_follow_up) and not self._is_draining:
            self.schedule()

    def _wake_waiting(self) -> None:
        # By the loop: this may run in any greenlet, and only the hub may switch to another.
        if self.waitlist and not self._is_letting_on:
            self._is_letting_on = True
            self._run_callback(self._let_on)

    def _let_on(self) -> None:
        self._is_letting_on = False
        if self.waitlist.let_on(lambda peer: self.unusable is not None or self.has_room(peer)):
            self._wake_waiting()
