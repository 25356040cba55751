"""Messages without an answer: Pusher to Puller, Publisher to Subscribers.

One frame per message and no channel: no reply, no heartbeat, no error that travels back.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import gevent
import gevent.event
import zmq

from zerorpc.checks import check_timeout, check_topics
from zerorpc.context import Context
from zerorpc.errors import ClosedError, EndpointError, RemoteProtocolError, TimeoutExpired
from zerorpc.limits import Limits
from zerorpc.methods import expose, unknown_method
from zerorpc.patterns import check_has_run, describe_exception
from zerorpc.quoting import excerpt
from zerorpc.sockets import SocketBase, remote_method
from zerorpc.transport import Pump, Workers
from zerorpc.transport.endpoints import Endpoints
from zerorpc.transport.interrupts import CtrlC, waking_on_signals
from zerorpc.transport.parting import finish
from zerorpc.transport.process import close_when_dropped, hold
from zerorpc.wire import VERSION, Blob, Event

_log = logging.getLogger("zerorpc.oneway")

# What was pushed right before `close()` may take this long (seconds) to leave.
_LINGER_S = 1.0
# Messages that wait in a Puller for their turn; beyond this the rest is left in the socket.
_MOST_PENDING = 1000


class _PatientPump(Pump):
    """A pump whose messages nobody waits for, so that who closes it has to."""

    def finish(self, patience: float) -> None:
        """Close it as the process ends, once what is queued has left."""
        finish(self, patience)


class _OneWay(SocketBase):
    """A socket with one pump."""

    def __init__(
        self,
        socket_type: int,
        context: Context | None,
        limits: Limits | None,
        on_batch: Callable[[list[list[Blob]]], None],
    ) -> None:
        super().__init__(context, limits)
        self._pump = _PatientPump(
            self._context,
            socket_type,
            on_batch,
            backlog_bytes=self._limits.backlog_bytes,
            max_event_bytes=self._limits.event_bytes,
        )
        self._places = Endpoints(self._pump)
        hold(self._pump, self._context)
        # The pump and not this object, which would otherwise never be dropped. In a greenlet of its
        # own, as only that can wait for what is queued.
        close_when_dropped(self, partial(gevent.spawn, finish, self._pump, _LINGER_S))

    @property
    def endpoints(self) -> list[str]:
        """Every endpoint that is bound (with its real port) or connected."""
        return self._places.bound + self._places.connected

    def _connect(self, endpoint: str) -> str:
        return self._places.connect(endpoint)

    def _bind(self, endpoint: str) -> str:
        return self._places.bind(endpoint)

    def _disconnect(self, endpoint: str) -> str:
        return self._places.disconnect(endpoint)


def _ignore(batch: list[list[Blob]]) -> None:
    """Take in what a socket that only sends receives: nothing."""


class Pusher(_OneWay):
    """Sends each message to one of the connected Pullers: `pusher.method(...)` returns None.

    What cannot go out yet waits here, up to `Limits.backlog_bytes`; a message beyond that waits for
    room for `timeout` seconds (None: for ever) and then raises `TimeoutExpired`.
    """

    def __init__(
        self,
        context: Context | None = None,
        zmq_socket: int = zmq.PUSH,
        *,
        timeout: float | None = 30,
        limits: Limits | None = None,
    ) -> None:
        self._timeout = check_timeout("timeout", timeout)
        super().__init__(zmq_socket, context, limits, _ignore)
        self._next_id = self._context.id_source()
        self._is_closing = False

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return remote_method(self, name)

    def __call__(self, method: str | bytes, *args: Any) -> None:
        """Send `method` and its arguments; returns before anyone has received them.

        Raises `EndpointError` while there is nowhere to send to.
        """
        self._pump.check_usable()
        if not (self._places.connected or self._places.bound):
            kind = type(self).__name__.lower()
            raise EndpointError(f"this {kind} has no endpoint: connect() or bind() first")
        if self._is_closing:
            raise ClosedError("this socket cannot be used: it was closed")
        # Always the general encoding: without an answer to wait for, 1 us is not what limits.
        # Each message may belong to another task, so the hooks are asked each time.
        extra = self._context.hook_get_task_context()
        name: Any = method  # bytes stay bytes here, as stock sends them
        event = Event({"message_id": self._next_id(), "v": VERSION, **extra}, name, args)
        blob = self._codec.event(event)
        # Encoded before: what cannot be sent must raise at once, not after half a minute.
        if not self._pump.has_room():
            self._await_room(str(method))
        self._pump.send((blob,))

    def _await_room(self, method: str) -> None:
        expired = TimeoutExpired(self._timeout or 0, f"waiting for room to send {method}")
        with gevent.Timeout(self._timeout, expired):
            while not self._pump.has_room():
                self._pump.waitlist.wait()
                self._pump.check_usable()

    def close(self) -> None:
        """Give what is queued a second to leave, then close the socket."""
        if not self._pump.thread.is_here:
            # A greenlet of its own there, as only that can wait for what is queued.
            self._pump.thread.call(gevent.spawn, self.close)
        elif self._pump.unusable is None:
            self._is_closing = True
            finish(self._pump, _LINGER_S)


class Publisher(Pusher):
    """Sends each message to every connected Subscriber; who is away, or too slow, misses it."""

    def __init__(self, context: Context | None = None, *, limits: Limits | None = None) -> None:
        super().__init__(context, zmq.PUB, limits=limits)


class Puller(_OneWay):
    """Runs the methods that Pushers call, one after the other, in order of arrival."""

    def __init__(
        self,
        methods: Any = None,
        context: Context | None = None,
        zmq_socket: int = zmq.PULL,
        *,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(zmq_socket, context, limits, _ignore)
        target = self if methods is None else methods
        self._methods = expose(target, frozenset(dir(Puller)) if target is self else frozenset())
        self._stop_requested = gevent.event.Event()
        self._is_idle = gevent.event.Event()
        self._workers: Workers[Event] | None = None
        self._left: deque[Event] = deque()
        self._topics: tuple[str, ...] | None = None
        self._received = 0
        self._taken_bytes = 0  # since nothing waited
        self._dropped: Counter[str] = Counter()

    def __call__(self, method: str, *args: Any) -> Any:
        """Call a method in this process; `NameError` if there is none of that name."""
        if method not in self._methods:
            raise unknown_method(method)
        return self._methods[method](*args)

    def run(self) -> None:
        """Receive until `stop()` or `close()`; can be run again after `stop()`.

        A `stop()` that came since the last run ended is for this one, which ends at once. Whoever
        kills the greenlet of a run does not end the method that runs: it may overlap with those of
        the next run.
        """
        self._pump.check_usable()
        if self._workers is not None:
            raise RuntimeError("this puller is running already")
        if not self.endpoints:
            _log.warning("run() without an endpoint: nothing arrives before bind() or connect()")
        # One at a time, in order of arrival: what is said in a row is to be heard in a row.
        self._workers = workers = Workers(self._serve, 1, self._on_idle)
        self._pump.on_batch = self._on_batch  # only now, so that a puller can be dropped
        # Workers are started by the hub alone; nothing is read before this callback.
        gevent.get_hub().loop.run_callback(self._take_up, self._left)
        self._left = deque()
        try:
            with waking_on_signals(), CtrlC(self._hurry) as ctrl_c:
                self._stop_requested.wait()
                ctrl_c.check()
                while workers.busy and self._pump.unusable is None:
                    self._is_idle.clear()
                    self._is_idle.wait()
                    ctrl_c.check()
        finally:
            self._pump.stop_reading()
            self._pump.on_batch = _ignore
            self._keep_pending()
            workers.close()
            self._workers = None
            # Not when a run begins: a signal that comes just before must not be lost.
            self._stop_requested.clear()

    def stop(self) -> None:
        """Let `run()` end after the message that is being handled.

        Returns at once. What was received but not handled yet is kept for the next `run()`, and
        while nothing runs this is for that one.
        """
        self._stop_requested.set()
        # The method may take its time, in which nobody would bound what is kept.
        self._pump.stop_reading()
        self._keep_pending()

    def _keep_pending(self) -> None:
        if self._workers is not None:
            self._left.extend(self._workers.pending)
            self._workers.pending.clear()

    def _hurry(self) -> None:
        self.stop()
        self._is_idle.set()

    def close(self) -> None:
        """Stop at once, raise `ClosedError` in the method that runs, and close the socket."""
        if not self._pump.thread.is_here:
            self._pump.thread.call(self.close)
            return
        self.stop()
        workers = self._workers
        for worker in list(workers.busy) if workers is not None else ():
            if worker is not gevent.getcurrent() and workers is not None:
                workers.cancel(worker, ClosedError("the puller was closed"))
        if self._left:
            _log.warning("closed with %d messages that were not handled", len(self._left))
            self._dropped["closed"] += len(self._left)
            self._left.clear()
        self._pump.close()
        self._is_idle.set()  # for a `run()` that waits for a method which does not give in

    def statistics(self) -> dict[str, Any]:
        """Return counters: messages received, and dropped by reason."""
        return {"events_received": self._received, "dropped": dict(self._dropped)}

    def _on_batch(self, batch: list[list[Blob]]) -> None:
        workers = self._workers
        for frames in batch:
            self._received += 1
            self._taken_bytes += len(frames[-1])
            try:
                event = self._codec.decode(frames[-1])
            except RemoteProtocolError as error:
                self._dropped[error.reason] += 1
                if self._dropped[error.reason] == 1:
                    # Not here: a handler of the log may wait, and the loop may not.
                    gevent.spawn(_log.warning, "dropped a message: %s", error)
                continue
            # After decoding: the name stands behind a header that differs in every message.
            if self._is_wanted(event):
                self._submit(event)
        # ZeroMQ keeps the rest, up to its high-water mark, and then the pushers wait.
        if workers is not None and self._has_enough(workers):
            self._pump.stop_reading()

    def _has_enough(self, workers: Workers[Event]) -> bool:
        pending = len(workers.pending)
        is_much = self._taken_bytes > self._limits.waiting_bytes
        return pending > _MOST_PENDING or (pending > 0 and is_much)

    def _take_up(self, left: Iterable[Event]) -> None:
        """Handle, before anything that comes now, what a former run has left; then read."""
        workers = self._workers
        if workers is None or self._stop_requested.is_set():
            self._left.extend(left)
            return
        # All at once: it is idle only when all of it is done.
        workers.submit(*left)
        # A method may have stopped it. What was left counts, or each run would add as much again.
        if not self._stop_requested.is_set() and not self._has_enough(workers):
            self._pump.start_reading()

    def _submit(self, event: Event) -> None:
        if self._workers is None or self._stop_requested.is_set():
            self._left.append(event)
        else:
            self._workers.submit(event)

    def _is_wanted(self, event: Event) -> bool:
        return self._topics is None or event.name.startswith(self._topics)

    def _on_idle(self) -> None:
        self._is_idle.set()
        if not self._left:
            self._taken_bytes = 0
        # All that waited is done: take the next ones, if `_on_batch` had had enough. A method may
        # outlive the run that it was called in.
        if self._workers is not None and not self._stop_requested.is_set():
            self._pump.start_reading()

    def _serve(self, event: Event) -> None:
        try:
            method = self._methods.get(event.name)
            if method is None:
                raise unknown_method(event.name)
            context = self._context
            # Only now: for messages to unknown methods stock's Puller asks no hook, unlike its
            # Server.
            context.hook_load_task_context(event.header)
            context.hook_server_before_exec(event)
            check_has_run(method._functor(*event.args))
            context.hook_server_after_exec(event, None)
        except BaseException as error:  # one message must not end the receiver
            self._report(event, error)
            if isinstance(error, gevent.GreenletExit):
                raise  # the greenlet was killed, so it is to end

    def _report(self, event: Event, error: BaseException) -> None:
        name, message, _ = describe_exception(error)
        # One line: nobody waits for an answer, so this log is all that tells of it.
        _log.warning("%s failed with %s: %s", excerpt(event.name), name, excerpt(message))
        try:
            context = self._context
            task_context = context.hook_get_task_context()
            # A tuple here, a list in a server: so it is in stock.
            context.hook_server_inspect_exception(event, None, task_context, sys.exc_info())
        except Exception as failure:
            name, message, _ = describe_exception(failure)
            _log.warning("a hook failed with %s: %s", name, excerpt(message))


class Subscriber(Puller):
    """Runs the methods that Publishers call.

    `topics`, if given, are what the names of the wanted methods begin with. They are matched here,
    since the name does not stand first in a message, where ZeroMQ could match it.
    """

    def __init__(
        self,
        methods: Any = None,
        context: Context | None = None,
        *,
        topics: Iterable[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        chosen = check_topics(topics)
        super().__init__(methods, context, zmq.SUB, limits=limits)
        self._topics = chosen
        # All of them, as every message begins with the same byte of MessagePack.
        self._pump.socket.setsockopt(zmq.SUBSCRIBE, b"")
