"""The end of a call that serves it."""

from __future__ import annotations

import logging
import math
import sys
from functools import partial
from time import monotonic
from typing import Any, cast

import gevent
import gevent.event

from zerorpc.channel import OPEN, Channel, nobody
from zerorpc.context import Context, call_deadline
from zerorpc.errors import ClosedError, ZerorpcError
from zerorpc.limits import Limits
from zerorpc.methods import builtins, expose, service_name, shadowed_names
from zerorpc.multiplexer import Multiplexer, statistics
from zerorpc.patterns import BY_NAME, describe_exception
from zerorpc.sockets import SocketBase
from zerorpc.step import Request
from zerorpc.transport import Driver, Worker, Workers
from zerorpc.transport.driver import refuse
from zerorpc.transport.interrupts import CtrlC
from zerorpc.transport.process import close_when_dropped
from zerorpc.wire import ERR, Event, error_args

_log = logging.getLogger("zerorpc.server")

# What is left to say when draining is over may take this long (seconds) to reach ZeroMQ, and then
# this long to leave the process.
_FLUSH_S = 1.0


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
        self._grace = grace
        # The instant at which patience with running calls ends; `stop()` may only make it earlier.
        self._stop_by = math.inf
        self._pool_size = pool_size
        self._stop_requested = gevent.event.Event()
        self._is_idle = gevent.event.Event()
        self._is_running = False
        self._workers: Workers[Request] | None = None
        multiplexer = Multiplexer(
            self._codec,
            self._context.id_source(),
            is_server=True,
            interval=heartbeat,
            limits=self._limits,
        )
        self._driver = Driver(self._context, multiplexer)
        close_when_dropped(self, self._driver.close)

    # -- life --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop()` or `close()`; can be run again after `stop()`.

        Raises `ClosedError` after `close()`, or in another thread than the server was made in.
        Ctrl-C ends it at once with `KeyboardInterrupt`, also while a handler computes.
        """
        self._driver.pump.check_usable()
        if self._is_running:
            raise RuntimeError(f"server {self._name} is running already")
        self._is_running = True
        self._stop_requested.clear()
        self._stop_by = math.inf
        self._workers = Workers(self._serve, self._pool_size, self._is_idle.set, _is_wanted)
        self._driver.on_request = self._submit  # only now, so that a server can be dropped
        self._driver.pump.start_reading()
        try:
            with CtrlC(partial(self.stop, 0)) as ctrl_c:
                self._stop_requested.wait()
                ctrl_c.check()
                self._drain()
                ctrl_c.check()
        finally:
            # What comes from now on stays in the socket for the next `run()`, as with stock.
            self._is_running = False
            self._driver.pump.stop_reading()
            self._driver.on_request = refuse
            self._driver.multiplexer.admission.is_draining = False
            self._cancel_all("the server stopped")
            self._workers.close()

    def stop(self, grace: float | None = None) -> None:
        """Let `run()` end: new calls are refused, running ones have `grace` seconds to end.

        Returns at once; anyone may call it, a handler or a signal handler too, and once more to
        shorten the time.
        """
        self._stop_by = min(self._stop_by, monotonic() + (self._grace if grace is None else grace))
        # Events and not a kill of the greenlet in `run()`: a signal handler may call this, which
        # must not switch.
        self._stop_requested.set()
        self._is_idle.set()  # for a `run()` that waits already

    def close(self) -> None:
        """Stop at once, cancel what runs, and close the socket."""
        if self._is_closed:
            return
        if not self._driver.home.is_here:
            self._driver.home.call(self.close)
            return
        self._is_closed = True
        self.stop(0)
        driver = self._driver
        self._cancel_all("the server was closed")
        # The hub, from which the collector and other threads close, cannot wait; it only lingers.
        if driver.pump.unusable is None and gevent.getcurrent() is not driver.hub:
            driver.pump.flush(_FLUSH_S)
        driver.close(linger=_FLUSH_S)

    def _drain(self) -> None:
        if self._is_closed:
            return
        # The socket is still read: heartbeats and credit for what runs must come through.
        self._driver.multiplexer.admission.is_draining = True
        self._await_idle()
        self._cancel_all("the server stopped before the call had ended")
        self._stop_by = monotonic() + _FLUSH_S  # a handler's `finally` may take a moment too
        self._await_idle()
        self._driver.pump.flush(_FLUSH_S)

    def _await_idle(self) -> None:
        """Wait until no handler runs, or the time that is left for them is over."""
        workers = self._workers
        while workers and (workers.busy or workers.pending) and not self._is_closed:
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
        if workers is not None:
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
            raise NameError(method)
        return self._methods[method](*args)

    def statistics(self) -> dict[str, Any]:
        """Return counters: events received and dropped by reason, open, running, waiting calls."""
        workers = self._workers
        return {
            **statistics(self._driver.multiplexer),
            "running": len(workers.busy) if workers else 0,
            "waiting": len(workers.pending) if workers else 0,
            "queued_messages": self._driver.pump.queued,
        }

    def _submit(self, request: Request) -> None:
        if self._workers is not None:
            self._workers.submit(request)

    def _serve(self, request: Request) -> None:
        """Run one call in its worker greenlet; whatever happens in it stays in it."""
        channel = request.channel
        if channel.state is not OPEN:
            return  # the caller went away while the call waited for its turn
        # Not checked while the call waits its turn: no timer is spent on it, only this look.
        if request.start_by is not None:
            if monotonic() >= request.start_by:
                self._driver.last_word(channel, "TimeoutExpired", "the deadline passed unstarted")
                return
            call_deadline.set(request.start_by)
        call = _Call(self, request, cast("Worker[Request]", gevent.getcurrent()))
        channel.wake = call.on_wake
        try:
            call.run()
        except BaseException as error:  # a handler must not end the server, not by sys.exit either
            call.fail(error)
            if isinstance(error, gevent.GreenletExit):
                raise  # the greenlet was killed, so it is to end
        finally:
            # Else each call leaves a cycle of seven objects, which only the collector would free.
            channel.wake = nobody


def _is_wanted(request: Request) -> bool:
    return request.channel.state is OPEN


class _Call:
    """One call being served: what its pattern sends with, and what ends it when the caller goes."""

    __slots__ = ("_driver", "_request", "_server", "_worker")

    def __init__(self, server: Server, request: Request, worker: Worker[Request]) -> None:
        self._server = server
        self._driver = server._driver
        self._request = request
        self._worker = worker

    def run(self) -> None:
        """Find the method and have its pattern serve the call."""
        server, event = self._server, self._request.event
        if server._context.middleware.has_server:
            self._run_hooked()
            return
        # Everything a call without middleware needs; `_run_hooked` repeats it with the hooks
        # between, so that hooks nobody registered cost one attribute.
        method = server._methods.get(event.name)
        if method is None:
            raise NameError(event.name)
        BY_NAME[method.pattern_name].serve(self, method._functor, event.args)

    def send(self, name: str, args: Any) -> None:
        """Send an event that is followed by others."""
        _answered(self._request)
        self._driver.send(self._request.channel, name, args)

    def finish(self, name: str, args: Any) -> None:
        """Send the last event of the call."""
        self._driver.send(self._request.channel, name, args)

    def on_wake(self) -> None:
        """End the handler when the channel has failed while the handler was busy elsewhere."""
        error = self._request.channel.error
        if error is not None and self._server._workers is not None:
            self._server._workers.cancel(self._worker, error.fresh())

    def _run_hooked(self) -> None:
        context, event = self._server._context, self._request.event
        # Before the method is looked up, as in stock: a trace must show unknown methods too.
        context.hook_load_task_context(event.header)
        method = self._server._methods.get(event.name)
        if method is None:
            raise NameError(event.name)
        context.hook_server_before_exec(event)
        answering = _HookedAnswers(self._driver, self._request, context)
        BY_NAME[method.pattern_name].serve(answering, method._functor, event.args)

    def fail(self, error: BaseException) -> None:
        """Answer with an ERR, unless the caller is gone; never raises."""
        channel, event = self._request.channel, self._request.event
        if channel.state is not OPEN:
            _log.debug("%s: the caller is gone: %s", event.name, channel.error or error)
            return
        name, message, traceback = describe_exception(error)
        # Callers can call what there is not as often as they like, and errors of servers further on
        # are told there: neither is news here. The caller gets the traceback in any case.
        is_news = event.name in self._server._methods and not isinstance(error, ZerorpcError)
        is_debugged = _log.isEnabledFor(logging.DEBUG)
        level = logging.WARNING if is_news else logging.DEBUG
        _log.log(level, "%s failed with %s: %s", event.name, name, message, exc_info=is_debugged)
        try:
            args = error_args(channel.version, name, message, traceback)
            reply = self._hooked_error(args) if self._has_hooks else None
            self._driver.send(channel, ERR, args, reply)
        except BaseException as failure:  # a hook raised, or the caller went just now
            self._driver.last_word(channel, *describe_exception(failure)[:2])

    @property
    def _has_hooks(self) -> bool:
        return self._server._context.middleware.has_server

    def _hooked_error(self, args: list[Any]) -> Event:
        context = self._server._context
        extra = context.hook_get_task_context()
        reply = self._driver.multiplexer.reply_event(self._request.channel, ERR, args, extra)
        # The task context is asked for once more, and `exc_info` is a list, because it is so in
        # stock.
        context.hook_server_inspect_exception(
            self._request.event, reply, context.hook_get_task_context(), list(sys.exc_info())
        )
        return reply


class _HookedAnswers:
    """The answers of a call while middleware is registered: headers carry its task context."""

    def __init__(self, driver: Driver, request: Request, context: Context) -> None:
        self._driver = driver
        self._request = request
        self._context = context
        # Asked for at the first answer and kept, as stock does: an item must not cost a round of
        # hooks.
        self._extra: dict[str, Any] | None = None

    def send(self, name: str, args: Any) -> None:
        """Send an event that is followed by others."""
        _answered(self._request)
        self._send(self._event(name, args))

    def finish(self, name: str, args: Any) -> None:
        """Send the last event of the call, after `server_after_exec` saw it."""
        event = self._event(name, args)
        self._context.hook_server_after_exec(self._request.event, event)
        self._send(event)

    def _event(self, name: str, args: Any) -> Event:
        if self._extra is None:
            self._extra = self._context.hook_get_task_context()
        channel: Channel = self._request.channel
        return self._driver.multiplexer.reply_event(channel, name, args, self._extra)

    def _send(self, event: Event) -> None:
        self._driver.send(self._request.channel, event.name, event.args, event)


def _answered(request: Request) -> None:
    """Lift the deadline: it is for the first answer, and a stream may go on after it for ever."""
    if request.start_by is not None:
        request.start_by = None
        call_deadline.set(None)
