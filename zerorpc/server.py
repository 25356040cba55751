"""The end of a call that serves it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any

import gevent
import gevent.event

from zerorpc.checks import check_count, check_grace, check_heartbeat
from zerorpc.context import Context
from zerorpc.errors import ClosedError
from zerorpc.limits import Limits
from zerorpc.methods import builtins, expose, service_name, shadowed_names, unknown_method
from zerorpc.multiplexer import Multiplexer, statistics
from zerorpc.serving import Service, serve_call
from zerorpc.sockets import SocketBase
from zerorpc.step import Request
from zerorpc.transport import Driver, Workers
from zerorpc.transport.driver import refuse
from zerorpc.transport.interrupts import CtrlC, waking_on_signals
from zerorpc.transport.parting import flush
from zerorpc.transport.process import close_when_dropped
from zerorpc.turns import Turns

_log = logging.getLogger("zerorpc.server")

# What is left to say when draining is over may take this long (seconds) to reach ZeroMQ, and then
# this long to leave the process.
_FLUSH_S = 1.0
# A server that is idle hangs up when no call came for this long (seconds), and at the latest after
# that: a caller learns by the first refusal that it should call elsewhere.
_QUIET_S = 0.05
_HEAR_OUT_S = 0.5


class Server(SocketBase):
    """Exposes the methods of an object, module, class or dict, or its own when subclassed.

    `pool_size` bounds the handlers that run at a time (None: no bound); further calls wait their
    turn, and their heartbeats go on. `heartbeat` is in seconds, None for none. `grace` is how many
    seconds `stop()` gives running calls.
    """

    def __init__(
        self,
        methods: Any = None,
        name: str | None = None,
        context: Context | None = None,
        pool_size: int | None = None,
        heartbeat: float | None = 5,
        *,
        grace: float = 10.0,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(context, limits)
        target = self if methods is None else methods
        own = frozenset(dir(Server))
        self._name = service_name(target, name)
        self._methods = expose(target, own if target is self else frozenset())
        self._methods.update(builtins(self._name, self._methods))
        shadowed = shadowed_names(self._methods, own) if target is not self else ()
        if shadowed:
            _log.warning("%s: methods named as the server's own: %s", self._name, shadowed)
        self._grace = check_grace(grace)
        # The instant at which patience with running calls ends; `stop()` may only make it earlier.
        self._stop_by = math.inf
        self._pool_size = check_count("pool_size", pool_size)
        self._stop_requested = gevent.event.Event()
        self._is_idle = gevent.event.Event()
        self._is_running = False
        self._workers: Workers[Request] | None = None
        # The calls that wait for room, and how each goes on.
        self._put_off: dict[Request, Callable[[], None]] = {}
        multiplexer = Multiplexer(
            self._codec,
            self._context.id_source(),
            is_server=True,
            interval=check_heartbeat(heartbeat),
            limits=self._limits,
        )
        self._driver = Driver(self._context, multiplexer)
        self._turns = Turns(self._limits.waiting_bytes)
        self._service = Service(self._methods, self._context, self._driver, self._turns)
        close_when_dropped(self, self._driver.close)

    # -- life --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop()` or `close()`; can be run again after `stop()`.

        A `stop()` that came since the last run ended is for this one, which ends at once.
        Raises `ClosedError` after `close()`, or in another thread than the server was made in.
        Ctrl-C ends it at once with `KeyboardInterrupt`, also while a handler computes.
        """
        self._driver.pump.check_usable()
        if self._is_running:
            raise RuntimeError(f"server {self._name} is running already")
        if not self.endpoints:
            # No error, as another greenlet may bind it yet.
            _log.warning("%s: run() without an endpoint: bind() or connect()", self._name)
        self._is_running = True
        self._workers = Workers(
            partial(serve_call, self._service),
            self._pool_size,
            self._is_idle.set,
            self._turns.is_wanted,
        )
        self._driver.on_requests = self._submit  # only now, so that a server can be dropped
        self._driver.pump.start_reading()
        try:
            with waking_on_signals(), CtrlC(partial(self.stop, 0)) as ctrl_c:
                self._stop_requested.wait()
                ctrl_c.check()
                self._drain()
                ctrl_c.check()
        finally:
            # What comes from now on stays in the socket for the next `run()`, as with stock.
            self._is_running = False
            # Not when a run begins: a signal that comes just before must not be lost.
            self._stop_requested.clear()
            self._stop_by = math.inf
            self._driver.pump.stop_reading()
            self._driver.on_requests = refuse
            self._driver.multiplexer.admission.is_draining = False
            self._cancel_all("the server stopped")
            self._workers.close()

    def stop(self, grace: float | None = None) -> None:
        """Let `run()` end: new calls are refused, running ones have `grace` seconds to end.

        Returns at once; anyone may call it, a handler or a signal handler too, and once more to
        shorten the time. While nothing runs it is for the next `run()`.
        """
        patience = self._grace if grace is None else check_grace(grace)
        self._stop_by = min(self._stop_by, monotonic() + patience)
        # Events and not a kill of the greenlet in `run()`: a signal handler may call this, which
        # must not switch.
        self._stop_requested.set()
        self._is_idle.set()  # for a `run()` that waits already

    def close(self) -> None:
        """Stop at once, cancel what runs, and close the socket."""
        if self._is_closed:
            return
        if not self._driver.thread.is_here:
            self._driver.thread.call(self.close)
            return
        self._is_closed = True
        self.stop(0)
        driver = self._driver
        self._cancel_all("the server was closed")
        # The hub, from which the collector and other threads close, cannot wait; it only lingers.
        if driver.pump.unusable is None and gevent.getcurrent() is not driver.hub:
            flush(driver.pump, _FLUSH_S)
        driver.close(linger=_FLUSH_S)

    def _drain(self) -> None:
        if self._is_closed:
            return
        # The socket is still read: heartbeats and credit for what runs must come through.
        self._driver.multiplexer.admission.is_draining = True
        for message in self._driver.multiplexer.farewell():
            self._driver.pump.send(message)
        self._await_idle()
        self._hear_out()
        self._cancel_all("the server stopped before the call had ended")
        self._stop_by = monotonic() + _FLUSH_S  # a handler's `finally` may take a moment too
        self._await_idle()
        flush(self._driver.pump, _FLUSH_S)

    def _hear_out(self) -> None:
        """Refuse what is on its way already, until its callers know and nothing more comes.

        Refused, they call elsewhere; what lies unread when we hang up they must take for lost.
        """
        driver = self._driver
        refused = driver.multiplexer.admission.refused
        until = min(self._stop_by, monotonic() + _HEAR_OUT_S)
        while driver.connections and not self._is_closed and monotonic() < until:
            before = refused.total()
            gevent.sleep(_QUIET_S)
            if refused.total() == before:
                return

    def _await_idle(self) -> None:
        """Wait until no handler runs, or the time that is left for them is over."""
        workers = self._workers
        while workers and (workers.busy or workers.pending or self._put_off):
            if self._is_closed:
                return
            left = self._stop_by - monotonic()
            if left <= 0:
                break
            self._is_idle.clear()
            self._is_idle.wait(left)

    def _cancel_all(self, reason: str) -> None:
        """Tell every caller that its call is over, and raise `ClosedError` in the handlers."""
        multiplexer, workers = self._driver.multiplexer, self._workers
        if self._driver.pump.unusable is None:
            for channel in list(multiplexer.channels.values()):
                self._driver.last_word(channel, "ClosedError", reason)
        for request, take_up in self._put_off.items():
            self._driver.pump.waitlist.discard(take_up, request.channel.envelope[0])
            self._turns.leave(request)
        self._put_off.clear()
        if workers is not None:
            for request in workers.pending:
                self._turns.leave(request)
            workers.pending.clear()
            for worker in list(workers.busy):
                # A method may close its own server; it then goes on to its end.
                if worker is not gevent.getcurrent():
                    workers.cancel(worker, ClosedError(reason))

    # -- endpoints ---------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[str]:
        """Every endpoint that is bound (with its real port) or connected."""
        return self._driver.endpoints.bound + self._driver.endpoints.connected

    def _connect(self, endpoint: str) -> str:
        return self._driver.endpoints.connect(endpoint)

    def _bind(self, endpoint: str) -> str:
        return self._driver.endpoints.bind(endpoint)

    def _disconnect(self, endpoint: str) -> str:
        return self._driver.endpoints.disconnect(endpoint)

    # -- calls -------------------------------------------------------------------------------

    def __call__(self, method: str, *args: Any) -> Any:
        """Call an exposed method in this process; `NameError` if there is none of that name."""
        if method not in self._methods:
            raise unknown_method(method)
        return self._methods[method](*args)

    def statistics(self) -> dict[str, Any]:
        """Return counters: events received and dropped by reason, open, running, waiting calls."""
        workers = self._workers
        return {
            **statistics(self._driver.multiplexer),
            "running": len(workers.busy) if workers else 0,
            "waiting": len(self._put_off) + (len(workers.pending) if workers else 0),
            "queued_messages": self._driver.pump.queued,
        }

    def _submit(self, *requests: Request) -> None:
        if self._put_off or self._driver.pump.is_backed_up:
            requests = tuple(each for each in requests if not self._is_put_off(each))
        self._start(*requests)

    def _start(self, *requests: Request) -> None:
        workers = self._workers
        if workers is None:
            return
        if workers.limit is not None:
            free = max(0, workers.limit - len(workers.busy))
            waiting = (each for each in requests[free:] if self._may_wait(each))
            requests = (*requests[:free], *waiting)
        workers.submit(*requests)

    def _is_put_off(self, request: Request) -> bool:
        """Have a call wait while its peer does not take what others have answered it already.

        Served, a thousand of them would each hold an answer that has nowhere to go.
        """
        pump, peer = self._driver.pump, request.channel.envelope[0]
        if pump.has_room(peer) and not pump.waitlist.is_awaited(peer):
            return False
        if self._may_wait(request):
            self._put_off[request] = take_up = partial(self._take_up, request)
            pump.waitlist.add(take_up, peer)
        return True

    def _take_up(self, request: Request) -> None:
        del self._put_off[request]
        if self._turns.is_wanted(request):
            self._turns.leave(request)
            self._start(request)

    def _may_wait(self, request: Request) -> bool:
        """Count a call among those that wait, or refuse it."""
        if self._turns.enter(request):
            return True
        driver, channel = self._driver, request.channel
        reason = f"calls of {self._turns.size_bytes} bytes wait, no more are taken"
        driver.multiplexer.admission.refused["Overloaded"] += 1
        # Refusals to a peer that never reads would pile up.
        if not driver.pump.is_backed_up or driver.pump.has_room(channel.envelope[0]):
            driver.last_word(channel, "Overloaded", reason)
        else:
            driver.multiplexer.fail(channel, ClosedError(reason))
        return False
