"""One call being served, in the greenlet of its handler.

Whatever happens in a handler stays in its call: it is told to the caller, and the server goes on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any, NamedTuple

import gevent

from zerorpc.channel import OPEN, Channel, nobody
from zerorpc.context import Context, call_deadline
from zerorpc.errors import ZerorpcError
from zerorpc.methods import DecoratorBase, unknown_method
from zerorpc.patterns import BY_NAME, Answering, describe_exception
from zerorpc.quoting import excerpt
from zerorpc.step import Request
from zerorpc.transport import Driver, Worker
from zerorpc.turns import Turns
from zerorpc.wire import ERR, Event, error_args

_log = logging.getLogger("zerorpc.server")


class Service(NamedTuple):
    """What all calls of a server have in common."""

    methods: Mapping[str, DecoratorBase]
    context: Context
    driver: Driver
    turns: Turns


def serve_call(service: Service, request: Request) -> None:
    """Run one call in its worker greenlet; whatever happens in it stays in it."""
    channel = request.channel
    if request.is_waiting:
        service.turns.leave(request)
    if channel.state is not OPEN:
        return  # the caller went away while the call waited for its turn
    # Not checked while the call waits its turn: no timer is spent on it, only this look.
    if request.start_by is not None:
        if monotonic() >= request.start_by:
            service.driver.last_word(channel, "TimeoutExpired", "the deadline passed unstarted")
            return
        call_deadline.set(request.start_by)
    call = _Call(service, request, gevent.getcurrent())
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


class _Call:
    """One call being served: what its pattern sends with, and what ends it when the caller goes."""

    __slots__ = ("_driver", "_request", "_service", "_worker")

    def __init__(self, service: Service, request: Request, worker: Any) -> None:
        self._service = service
        self._driver = service.driver
        self._request = request
        self._worker: Worker[Request] = worker

    def run(self) -> None:
        """Find the method and have its pattern serve the call."""
        service, event = self._service, self._request.event
        if service.context.middleware.has_server:
            self._run_hooked()
            return
        # Everything a call without middleware needs; `_run_hooked` repeats it with the hooks
        # between, so that hooks nobody registered cost one attribute.
        method = service.methods.get(event.name)
        if method is None:
            raise unknown_method(event.name)
        BY_NAME[method.pattern_name].serve(self, method._functor, event.args)

    def send(self, name: str, args: Any) -> None:
        """Send an event that is followed by others."""
        request = self._request
        if request.start_by is not None:
            _lift_deadline(request)
        self._driver.send_item(request.channel, name, args)

    def finish(self, name: str, args: Any) -> None:
        """Send the last event of the call."""
        self._driver.send(self._request.channel, name, args)

    def on_wake(self) -> None:
        """End the handler when the channel has failed while the handler was busy elsewhere."""
        error = self._request.channel.error
        if error is not None:
            self._worker.pool.cancel(self._worker, error.fresh())

    def _run_hooked(self) -> None:
        context, event = self._service.context, self._request.event
        # Before the method is looked up, as in stock: a trace must show unknown methods too.
        context.hook_load_task_context(event.header)
        method = self._service.methods.get(event.name)
        if method is None:
            raise unknown_method(event.name)
        context.hook_server_before_exec(event)
        answering: Answering = self
        hooks = context.middleware.hooks
        if hooks["get_task_context"] or hooks["server_after_exec"]:
            answering = _HookedAnswers(self._driver, self._request, context)
        BY_NAME[method.pattern_name].serve(answering, method._functor, event.args)

    def fail(self, error: BaseException) -> None:
        """Answer with an ERR, unless the caller is gone; never raises."""
        channel, event = self._request.channel, self._request.event
        name, message, traceback = describe_exception(error)
        if channel.state is not OPEN:
            _log.debug("%s: the caller is gone: %s", event.name, channel.error or excerpt(message))
            return
        # Callers can call what there is not as often as they like, and errors of servers further on
        # are told there: neither is news here. The caller gets the traceback in any case.
        is_news = event.name in self._service.methods and not isinstance(error, ZerorpcError)
        is_debugged = _log.isEnabledFor(logging.DEBUG)
        level = logging.WARNING if is_news else logging.DEBUG
        if _log.isEnabledFor(level):
            shown = excerpt(event.name), name, excerpt(message)
            _log.log(level, "%s failed with %s: %s", *shown, exc_info=is_debugged)
        try:
            args = error_args(channel.version, name, message, traceback)
            reply = self._hooked_error(args) if self._has_hooks else None
            self._driver.send(channel, ERR, args, reply)
        except BaseException as failure:  # a hook raised, or the caller went just now
            self._driver.last_word(channel, *describe_exception(failure)[:2])

    @property
    def _has_hooks(self) -> bool:
        return self._service.context.middleware.has_server

    def _hooked_error(self, args: list[Any]) -> Event:
        context = self._service.context
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
        if self._request.start_by is not None:
            _lift_deadline(self._request)
        event = self._event(name, args)
        self._driver.send_item(self._request.channel, event.name, event.args, event)

    def finish(self, name: str, args: Any) -> None:
        """Send the last event of the call, after `server_after_exec` saw it."""
        event = self._event(name, args)
        self._context.hook_server_after_exec(self._request.event, event)
        self._driver.send(self._request.channel, event.name, event.args, event)

    def _event(self, name: str, args: Any) -> Event:
        if self._extra is None:
            self._extra = self._context.hook_get_task_context()
        channel: Channel = self._request.channel
        return self._driver.multiplexer.reply_event(channel, name, args, self._extra)


def _lift_deadline(request: Request) -> None:
    """Lift it once there is an answer: that is what it is for, and a stream may go on for ever."""
    request.start_by = None
    call_deadline.set(None)
