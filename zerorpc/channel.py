"""One conversation: credit, heartbeat, deadline and close, as a state machine without I/O.

| state | what happens                                         | next   | then `take()` raises |
|-------|------------------------------------------------------|--------|----------------------|
| OPEN  | OK, ERR or STREAM_DONE is received, or sent          | DONE   | nothing, gives None  |
| OPEN  | `_zpc_close` is received by the side that was called | FAILED | LostRemote           |
| OPEN  | nothing heard for 2.5 heartbeat intervals            | FAILED | LostRemote           |
| OPEN  | the connection broke                                 | FAILED | LostRemote           |
| OPEN  | the peer overran its window, or too much lies unread | FAILED | LostRemote           |
| OPEN  | the deadline passed                                  | FAILED | TimeoutExpired       |
| OPEN  | `close()`                                            | CLOSED | ClosedError          |
| other | anything                                             | same   | as before            |

Rules:

1. Sending costs one credit; `_zpc_more [n]` brings n. Each side starts with one, which the request
   uses up for the caller and the first answer for the called. Control events (`_zpc_*`) cost none.
2. The receiver promises no more than its window less what is promised or unread already, and
   promises again when that has fallen below half.
3. Every event is a sign of life. A peer is lost 2.5 intervals after the last one: never within two,
   always by three.
4. A peer of v1 or v2 uses `_zpc_hb [n]` for credit too, and gets its grants under that name.
5. Grants *add* to the credit, but those of zerorpc-node *set* it. Its ids are text, and so are
   those of some old peers that add. So with text ids we rely on neither: a grant never lowers our
   credit, and what the peer was promised before our last grant counts, but is not waited for.

Everything here is called with events and instants (`now`, seconds of any monotonic clock) and
answers with values; what it may not know is sockets, clocks, greenlets, and the meaning of results.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from zerorpc.errors import ClosedError, LocalProtocolError, LostRemote, TimeoutExpired, ZerorpcError
from zerorpc.limits import Limits
from zerorpc.wire import (
    CLOSE,
    CONTROL_PREFIX,
    ERR,
    FINAL,
    HEARTBEAT,
    MORE,
    STREAM,
    VERSION,
    Envelope,
    Event,
    Id,
    grants_by_heartbeat,
)

# Two beats may be missed; the half is for what is late: a timer, a packet, the next scan.
LOST_AFTER = 2.5  # heartbeat intervals of silence

# zerorpc-node's ROUTER silently drops what exceeds its high-water mark of 1000, of which libzmq
# gives back half at a time; its own clients never ask for more than this.
_NODE_WINDOW = 100


class State(Enum):
    """Where a conversation stands; see the table at the head of this module."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    CLOSED = "closed"


class Effect(Enum):
    """What a received event means to whoever owns the channel."""

    QUIET = "nothing to do"
    WAKE = "there is something to look at"
    DROPPED = "the event was not expected"


# Bound once: looking up a member of an Enum class costs more than the comparison with it.
OPEN, DONE, FAILED, CLOSED = State.OPEN, State.DONE, State.FAILED, State.CLOSED
QUIET, WAKE, DROPPED = Effect.QUIET, Effect.WAKE, Effect.DROPPED


def nobody() -> None:
    """Stand in for an owner that does not wait, or is not there yet or any more."""


class Channel:
    """One end of a conversation with a peer; made by the multiplexer, owned by a driver.

    `wake` is called, without arguments, after the state changed in a way that the owner waits for;
    `home` is the driver's to set, `key` the multiplexer's.
    """

    # 256 bytes, and no `__dict__` of 100 more: there is one at each end of every open call.
    __slots__ = (
        "credit",
        "envelope",
        "error",
        "expires",
        "forgotten",
        "home",
        "id",
        "interval",
        "is_opener",
        "is_passive",
        "is_sent",
        "is_setting",
        "item_bytes",
        "key",
        "last_heard",
        "limits",
        "method",
        "next_beat",
        "promised",
        "slots",
        "state",
        "tail",
        "timeout",
        "unread",
        "unread_bytes",
        "until_grant",
        "version",
        "wake",
    )

    def __init__(
        self,
        envelope: Envelope,
        channel_id: Id,
        method: str,
        now: float,
        limits: Limits,
        is_opener: bool,
        interval: float | None,
        is_passive: bool = False,
        version: int = VERSION,
        slots: int | None = None,
        timeout: float | None = None,
    ) -> None:
        self.envelope = envelope
        self.id = channel_id
        self.method = method
        self.limits = limits
        self.is_opener = is_opener
        self.version = version
        # A guess from the id, which may be corrected when the peer's own first event comes (rule
        # 5).
        self.is_setting = type(channel_id) is str
        self.is_passive = is_passive
        # Until then nothing may be said on this channel: the peer would not know it.
        self.is_sent = not is_opener
        self.interval = interval
        self.last_heard = now
        self.next_beat = now if interval is None else now + interval
        self.slots = slots
        self.timeout = timeout
        self.expires = None if timeout is None else now + timeout
        self.state = OPEN
        self.error: ZerorpcError | None = None
        # Rule 1: of the one that each side starts with, the caller's is spent by the request.
        self.credit = 0 if is_opener else 1
        self.promised = 1 if is_opener else 0
        self.forgotten = 0  # of the promise: what a peer that sets no longer knows of
        # Made with the first event: an empty deque has 760 bytes, three times as many as all the
        # rest.
        self.unread: deque[tuple[Event, int]] | None = None
        self.unread_bytes = 0
        self.item_bytes = 0
        self.until_grant = 0
        self.tail: bytes | None = None
        self.key: Any = None
        self.home: Any = None
        self.wake: Callable[[], Any] = nobody

    # -- what comes in -----------------------------------------------------------------------

    def hear_version(self, version: int) -> None:
        """Learn which protocol version the peer speaks; the called knows it from the request."""
        if self.is_opener:
            self.version = version

    def receive(self, event: Event, size: int, now: float) -> Effect:
        """Take in an event of `size` bytes that the peer sent on this channel."""
        self.last_heard = now
        name = event.name
        is_final = name in FINAL
        if not is_final and name != STREAM and name.startswith(CONTROL_PREFIX):
            return self._receive_control(name, event.args)
        if self.promised > 0:
            self.promised -= 1
        elif name != ERR or not self.is_opener:
            # An ERR is taken in any case: it may be a last word without credit, and ends it all.
            return self._overrun(name)
        if self.unread is None:
            self.unread = deque()
        if is_final:
            self.unread.append((event, 0))  # nothing comes after it that a bound could keep out
            self.state = DONE
            return WAKE
        self.unread.append((event, size))
        self.unread_bytes += size
        if self.unread_bytes > self.limits.unread_bytes:
            return self.fail(LostRemote(f"{self.unread_bytes} bytes lie unread: too much"))
        # A large item counts at once, and for some items after it: streams that mix sizes are
        # bounded by the large ones.
        self.item_bytes = self.item_bytes * 7 >> 3
        if size > self.item_bytes:
            self.item_bytes = size
        self.expires = None  # nobody waits now; the next who does starts the clock again
        # Who finds something unread goes on by itself: one wake-up a batch, not one an item.
        return WAKE if len(self.unread) == 1 else QUIET

    def _receive_control(self, name: str, args: Any) -> Effect:
        if name == HEARTBEAT:
            if self.is_passive:
                self._wake_up()
            # Peers of v3 send `[0]` too, out of habit: not a grant.
            return self._receive_credit(args) if grants_by_heartbeat(self.version) else QUIET
        if name == MORE:
            return self._receive_credit(args)
        # The other way round it means nothing: the one that was called ends by an ERR.
        if name == CLOSE and not self.is_opener:
            return self.fail(LostRemote("the caller closed the call"))
        return DROPPED

    def _wake_up(self) -> None:
        """Begin to beat and to judge the peer, whose first heartbeat was heard."""
        self.is_passive = False
        if self.item_bytes:
            self.expires = None  # from now on heartbeats watch over the pauses of the stream

    def _receive_credit(self, args: Any) -> Effect:
        # Stock and node log such a grant and go on, and so do we; a bool is no number here.
        if type(args) is not list or len(args) != 1 or type(args[0]) is not int or args[0] < 0:
            return DROPPED
        grant = args[0]
        if self.is_setting:
            # Never below what is left, so that a peer which does mean "add" cannot starve either.
            self.credit = max(self.credit, grant)
        else:
            self.credit += grant
        return WAKE if grant else QUIET

    def _overrun(self, name: str) -> Effect:
        """Refuse an event beyond the promise; from the side that answers it ends the conversation.

        Dropping it there would leave a hole in a stream or lose the result of a call.
        """
        if self.is_opener:
            return self.fail(LostRemote(f"the peer sent {name!r:.40} beyond its window"))
        return DROPPED

    # -- what goes out -----------------------------------------------------------------------

    def spend(self, name: str) -> None:
        """Account for an event called `name` that is about to be sent.

        Raises the channel's error when it is over, `LocalProtocolError` when there is no credit.
        """
        if self.state is not OPEN:
            if self.error is not None:
                raise self.error.fresh()
            raise LocalProtocolError(f"{name} after the end of the conversation")
        if self.credit < 1:
            raise LocalProtocolError(f"{name} sent without credit")
        self.credit -= 1
        if name in FINAL:
            self.state = DONE

    def grant(self, share: int = 1 << 30) -> int:
        """Return how many more events to promise the peer now, 0 for none, and note the promise.

        `share` is what this channel may promise of what its socket has room for. Nothing can be
        due before `until_grant` has fallen to 0, which callers may look at first.
        """
        if self.state is not OPEN:
            return 0
        window = self.slots or min(share, self._window_by_bytes())
        held = self.promised + (len(self.unread) if self.unread else 0)
        # At half of it, as stock does: sooner costs messages, later lets the sender run dry for a
        # round trip.
        half, more = window >> 1 or 1, 0
        if held < half or held <= self.forgotten:
            more = window - held if held < window else window
            if self.is_setting:
                self.forgotten = self.promised
            self.promised += more
        # What is promised and unread falls by one with every event taken, and only so.
        self.until_grant = held + more - max(half - 1, self.forgotten)
        return more

    def _window_by_bytes(self) -> int:
        most = min(self.limits.window, _NODE_WINDOW) if self.is_setting else self.limits.window
        return max(1, min(most, self.limits.window_bytes // (self.item_bytes or 1)))

    # -- what the owner asks -----------------------------------------------------------------

    def take(self) -> Event | None:
        """Return the next unread event, or None when there is none yet (or none after DONE).

        Raises the channel's error once everything that came before it was taken.
        """
        if self.unread:
            event, size = self.unread.popleft()
            self.unread_bytes -= size
            self.until_grant -= 1
            return event
        if self.error is not None:
            raise self.error.fresh()
        return None

    def await_item(self, now: float) -> None:
        """Start the clock of a reader that waits for a stream's next item.

        Where heartbeats watch over the peer, a stream may be silent for as long as it likes.
        """
        if self.timeout is not None and (self.interval is None or self.is_passive):
            self.expires = now + self.timeout

    def fail(self, error: ZerorpcError) -> Effect:
        """End the conversation with `error`, unless it is over already."""
        if self.state is not OPEN:
            return QUIET
        self.state = FAILED
        self.error = error
        return WAKE

    def close(self) -> bool:
        """End the conversation from this side; tells whether the peer wants to hear of it."""
        if self.state is not OPEN:
            return False
        self.state = CLOSED
        self.error = ClosedError("this call was closed")
        return self.is_opener and self.is_sent

    # -- time --------------------------------------------------------------------------------

    @property
    def has_lapsed(self) -> bool:
        """Whether an opening event that still waits to be sent is needed no more."""
        return self.state is not OPEN

    @property
    def deadline(self) -> float | None:
        """The next instant at which `on_deadline` has something to do, or None."""
        if self.interval is None or self.is_passive:
            return self.expires
        due = min(self.next_beat, self.last_heard + LOST_AFTER * self.interval)
        return due if self.expires is None else min(due, self.expires)

    def on_deadline(self, now: float, is_silence_certain: bool) -> tuple[Effect, bool]:
        """Do what is due at `now`; returns the effect, and whether a heartbeat is to be sent.

        Pass `is_silence_certain=False` while events may lie unread in the socket.
        """
        # Before the silence is judged: it is what the caller asked for, and certain in any case.
        if self.expires is not None and now >= self.expires:
            return self.fail(TimeoutExpired(self.timeout or 0, self._doing())), False
        if self.interval is None or self.is_passive:
            return QUIET, False
        if is_silence_certain and now >= self.last_heard + LOST_AFTER * self.interval:
            return self.fail(LostRemote(self._silence(now))), False
        return QUIET, self.is_beat_due(now)

    def is_beat_due(self, now: float, late: float = 0.0) -> bool:
        """Tell whether a heartbeat was due `late` seconds ago; if so it counts as sent."""
        if self.interval is None or self.is_passive or now < self.next_beat + late:
            return False
        # Also where none is to be sent yet, or the scan would find it due again and again.
        self.next_beat = now + self.interval
        return self.state is OPEN and self.is_sent

    def _doing(self) -> str:
        what = "waiting for the next item of" if self.item_bytes else "calling remote method"
        return f"{what} {self.method}"

    def _silence(self, now: float) -> str:
        silence = now - self.last_heard
        if not self.is_sent:
            return f"Lost remote: no connection for {silence:.1f}s, {self.method} was not sent"
        return f"Lost remote after {silence:.1f}s without heartbeat ({self.method})"
