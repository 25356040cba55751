"""A socket with many peers: what one of them does not take waits for that one only.

libzmq's ROUTER drops messages for peers that are gone or too slow, unless it is told to say so
(ROUTER_MANDATORY). Then it says so per message, but never which peer takes messages again: what
was refused is parked per peer, and tried again when the descriptor shows that something has
changed, or else by a timer.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Set
from typing import Any

import gevent
import zmq

from zerorpc.memory import return_freed_memory
from zerorpc.transport.backlog import cost_of
from zerorpc.transport.held import CAN_COUNT, Held
from zerorpc.transport.options import HIGH_WATER_MARK
from zerorpc.transport.pump import (
    EVENTS,
    KEEP_FRAME_BYTES,
    MORE,
    NOBLOCK,
    POLLIN,
    Pump,
)
from zerorpc.transport.threads import end_watcher
from zerorpc.wire import Blob, Frames

# A peer that was full is tried again after this (seconds), and less often while it takes nothing.
_RETRY_S = 0.002
_RETRY_MAX_S = 0.1
# While so few peers are full, all are tried with each exchange, at 2 us each.
_FEW_PARKED = 8
# Of large messages libzmq is given so many bytes a peer, and no more than the backlog may have, as
# they come back only with the end of a connection. Between two tries it sends less than that.
_MOST_HELD_BYTES = 8 << 20
# Payloads of this size are large, and counted, which takes 4 us. Smaller ones are left to libzmq's
# bound by messages; where the backlog may be small, there are fewer of these.
_LARGE_BYTES = 32768
_LARGE_AT_LEAST = 1024
# What was dropped goes back to the system from so many bytes on, but not at once (seconds): it
# takes milliseconds, and peers that come and go would have everybody wait for it each time.
_WORTH_RETURNING_BYTES = 16 << 20
_RETURN_AFTER_S = 1.0
# What a call takes that is being served: its channel, and the greenlet of its handler.
_CALL_BYTES = 10_000
# With so many peers that libzmq holds large messages for, those that took them are looked for.
_HOLDING_UNSEEN = 64

# So many peers are known by their type of socket, at 100 bytes each; asking costs 0.2 us.
_MET_AT_MOST = 4096


class RouterPump(Pump):
    """The pump of a ROUTER: the first frame of every message is the identity of its peer.

    `on_gone` is told, in the hub, the identities of peers that could not be reached.
    """

    def __init__(
        self,
        context: zmq.Context[Any],
        on_batch: Callable[[list[list[Blob]]], None],
        on_gone: Callable[[set[bytes]], None],
        *,
        backlog_bytes: int,
        max_event_bytes: int,
    ) -> None:
        self._on_gone = on_gone
        # Collected while the lock is held; told after it is given back, as those told may send.
        self._gone: set[bytes] = set()
        self._parked: dict[bytes, deque[Frames]] = {}
        self._parked_bytes: dict[bytes, int] = {}
        self._held: dict[bytes, Held] = {}
        # Those with a REQ socket, to whom nothing but an answer may be sent; of those met so far.
        self.strict: set[bytes] = set()
        self._met: set[bytes] = set()
        self._look_at = _HOLDING_UNSEEN
        self._most_held = min(backlog_bytes, _MOST_HELD_BYTES)
        # With this, small messages alone fill a small backlog but once.
        large = min(_LARGE_BYTES, max(_LARGE_AT_LEAST, backlog_bytes // HIGH_WATER_MARK))
        self._large_bytes: float = large if CAN_COUNT else math.inf
        # POLLOUT cannot replace it: for a ROUTER that is set as soon as any peer takes something.
        self._loop = gevent.get_hub().loop
        self._retry = self._loop.timer(_RETRY_S)
        self._retry_s = _RETRY_S
        self._dropped_bytes = 0
        self._returning = self._loop.timer(_RETURN_AFTER_S)
        super().__init__(
            context,
            zmq.ROUTER,
            on_batch,
            backlog_bytes=backlog_bytes,
            max_event_bytes=max_event_bytes,
        )
        # Without it 260 to 440 of 1000 answers were dropped without a word when clients were slow.
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)

    @property
    def is_backed_up(self) -> bool:
        """Whether `has_room` can be False for anyone: quick, and seldom True."""
        return bool(self._parked)

    def has_room(self, identity: bytes | None = None) -> bool:
        """Tell whether the backlog of one peer, or of each, is within its bound."""
        if identity is None:
            return all(size <= self.backlog_bytes for size in self._parked_bytes.values())
        return self._parked_bytes.get(identity, 0) <= self.backlog_bytes

    @property
    def queued(self) -> int:
        """How many messages wait here to be sent."""
        return super().queued + sum(map(len, self._parked.values()))

    def abandon(self, reason: str) -> None:
        """Stop using the socket without touching it, as the child of a fork must."""
        super().abandon(reason)
        end_watcher(self._retry)
        end_watcher(self._returning)

    def _receive(self) -> list[Blob]:
        receive = self._rx
        identity: bytes = receive(NOBLOCK)  # which is never the last frame
        frame = receive(NOBLOCK, False)
        if identity not in self._met:
            self._meet(identity, frame)
        frames: list[Blob] = [identity]
        while frame.more:
            frames.append(frame.bytes if len(frame) else b"")
            frame = receive(NOBLOCK, False)
        frames.append(frame.bytes if len(frame) < KEEP_FRAME_BYTES else frame.buffer)
        return frames

    def _meet(self, identity: bytes, frame: zmq.Frame) -> None:
        # Those that are gone are not told of: now and then everybody is met anew.
        if len(self._met) >= _MET_AT_MOST:
            # But those that wait for one answer, which is the next that they will say.
            if len(self.strict) > _MET_AT_MOST // 2:
                self.strict.clear()
            self._met = set(self.strict)
        self._met.add(identity)
        try:
            if frame.get("Socket-Type") == "REQ":
                self.strict.add(identity)
        except zmq.ZMQError:
            pass  # within this process, where no connection is lost

    def _send_one(self, frames: Frames) -> None:
        """Send to one peer of many; never raises `Again`, since that would hold up the others."""
        identity: bytes = frames[0]  # type: ignore[assignment]  # only a payload can be a view
        if self._parked and identity in self._parked:
            self._park(frames)  # behind what waits already: a conversation must stay in order
            return
        try:
            if len(frames[-1]) >= self._large_bytes:
                self._transmit_large(identity, frames)
            elif len(frames) == 3:  # as in `_transmit`, one call less
                transmit = self._tx
                transmit(identity, MORE)
                transmit(frames[1], MORE)
                transmit(frames[2], NOBLOCK)
            else:
                self._transmit(frames)
        except zmq.Again:
            self._park(frames)
        except zmq.ZMQError as error:
            # That is: no such peer, or no more. Anything else is a mistake of ours.
            if error.errno != zmq.EHOSTUNREACH:
                raise
            # Reported after the exchange: whom that wakes must not find the lock taken.
            self._gone.add(identity)

    def _transmit_large(self, identity: bytes, frames: Frames) -> None:
        """Hand over a message if what libzmq holds for the peer then is within the bound."""
        held, size = self._held.get(identity), len(frames[-1])
        if held is None:
            held = self._hold(identity)
        elif not held.has_room(size, self._most_held):
            raise zmq.Again
        for frame in frames[:-2]:
            self._tx(frame, MORE)
        held.send_delimiter(self.socket, size)
        self._tx(frames[-1], NOBLOCK)

    def _hold(self, identity: bytes) -> Held:
        if len(self._held) >= self._look_at:
            for peer, held in list(self._held.items()):
                if held.is_over():
                    held.give_back()
                    del self._held[peer]
            self._look_at = max(_HOLDING_UNSEEN, 2 * len(self._held))
        self._held[identity] = held = Held()
        return held

    def _exchange(self, most: int, is_woken: bool) -> tuple[list[list[Blob]], bool]:
        batch, must_look_again = super()._exchange(most, is_woken)
        # It may be for the room that a peer has again that the descriptor woke us.
        if self._are_few_parked and not batch and not must_look_again:
            has_moved = self._retry_all()
            # A try may take in what the descriptor would have shown, and so may the look at what
            # it took: then there is something to read, or the second try finds the room.
            must_look_again = bool(self._is_reading and self._get(EVENTS) & POLLIN)
            if self._retry_all() or has_moved:
                self._wake_waiting()
                self._kick.send()  # there may be more room, but others get a turn first
        return batch, must_look_again

    @property
    def _are_few_parked(self) -> bool:
        return 0 < len(self._parked) <= _FEW_PARKED

    @property
    def _must_follow_up(self) -> bool:
        return bool(self._gone) or self._are_few_parked

    def _after_exchange(self) -> None:
        if self._gone:
            gone, self._gone = self._gone, set()
            self._on_gone(gone)

    def forget_peers(self, identities: Set[bytes], calls: int) -> None:
        """Let go of what waits here for peers that are lost, as so many of their calls are."""
        self._forget(*identities & self._parked.keys())
        self._count_dropped(calls * _CALL_BYTES)

    def _forget(self, *identities: bytes) -> None:
        for identity in identities:
            del self._parked[identity]
            self._count_dropped(self._parked_bytes.pop(identity))

    def _count_dropped(self, size: int) -> None:
        before = self._dropped_bytes
        self._dropped_bytes += size
        if before < _WORTH_RETURNING_BYTES <= self._dropped_bytes:
            end_watcher(self._returning)
            self._returning = self._loop.timer(_RETURN_AFTER_S)
            self._returning.start(self._return_memory)

    def _return_memory(self) -> None:
        self._dropped_bytes = 0
        return_freed_memory()

    def _park(self, frames: Frames) -> None:
        identity: bytes = frames[0]  # type: ignore[assignment]
        if not self._parked:
            self._try_again_in(_RETRY_S)
        self._parked.setdefault(identity, deque()).append(frames)
        parked = self._parked_bytes.get(identity, 0)
        self._parked_bytes[identity] = parked + cost_of(frames)

    def _retry_parked(self) -> None:
        # All of them at each tick: few peers are ever full at once, and each try costs 2 us.
        # At most what libzmq takes, a thousand messages a peer, before the loop goes on.
        with self.lock:
            has_moved = self._retry_all()
        self._after_exchange()
        if self._parked and self.unusable is None:
            self._try_again_in(_RETRY_S if has_moved else min(2 * self._retry_s, _RETRY_MAX_S))
        if has_moved:
            self._wake_waiting()
        self.schedule()  # EVENTS must be read again after these sends

    def _try_again_in(self, seconds: float) -> None:
        end_watcher(self._retry)
        self._retry_s = seconds
        self._retry = self._loop.timer(seconds)
        self._retry.start(self._retry_parked)

    def _retry_all(self) -> bool:
        """Send what is parked as far as its peers take it; tells whether any did."""
        has_moved = False
        for identity in list(self._parked):
            has_moved |= self._retry_peer(identity)
        return has_moved

    def _retry_peer(self, identity: bytes) -> bool:
        """Send what is parked for a peer as far as it takes it; tells whether it took any."""
        queue = self._parked[identity]
        before = len(queue)
        try:
            while queue:
                if len(queue[0][-1]) >= self._large_bytes:
                    self._transmit_large(identity, queue[0])
                else:
                    self._transmit(queue[0])
                self._parked_bytes[identity] -= cost_of(queue.popleft())
        except zmq.Again:
            return len(queue) < before
        except zmq.ZMQError:
            self._gone.add(identity)
        self._forget(identity)
        return True
