"""The end of a call that makes it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, NoReturn

import gevent
import gevent.event

from zerorpc.channel import OPEN, Channel, nobody
from zerorpc.checks import FOR_EVER, MOST_COUNTED, check_count, check_heartbeat, check_timeout
from zerorpc.context import Context, call_deadline
from zerorpc.deadline import in_milliseconds
from zerorpc.errors import (
    RemoteError,
    TimeoutExpired,
    ZerorpcError,
)
from zerorpc.limits import Limits
from zerorpc.multiplexer import Multiplexer, opening_event
from zerorpc.patterns import BY_ANSWER, BY_NAME, is_refusal, iter_nothing, unknown_answer
from zerorpc.routes import Routes
from zerorpc.sockets import SocketBase, remote_method
from zerorpc.streams import hooked_items, items
from zerorpc.transport import Driver
from zerorpc.wire import ERR, Event

_UNSET: Any = object()
# What a timeout usually is; of these, only its value needs a look.
_PLAIN = (float, int, type(None))
_STREAM = BY_NAME["stream"]


class Client(SocketBase):
    """Calls the methods of a server: `client.method(...)`, or `client("method", ...)`.

    Each `connect` has a socket of its own, and each call goes to the one that is up with the
    fewest open calls, so that a conversation stays with one server. `timeout` (seconds, None for
    ever) bounds the wait for a first answer, `heartbeat` (seconds, None for none) finds peers that
    fall silent; with `passive_heartbeat` it starts when the peer's was heard.
    """

    def __init__(
        self,
        connect_to: Any = None,
        context: Context | None = None,
        timeout: float | None = 30,
        heartbeat: float | None = 5,
        passive_heartbeat: bool = False,
        *,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(context, limits)
        self._timeout = check_timeout("timeout", timeout)
        # Made of parts and not bound to this object: the sockets must not keep their client alive.
        new_multiplexer = partial(
            Multiplexer,
            self._codec,
            is_server=False,
            interval=check_heartbeat(heartbeat),
            is_passive=passive_heartbeat,
            limits=self._limits,
        )
        # Of events that hooks see before it is known which socket they will take.
        self._new_id = self._context.id_source()
        # A multiplexer for each socket, since ids and deadlines are a socket's own; hence the
        # factory.
        self._routes = Routes(partial(_new_driver, self._context, new_multiplexer))
        if connect_to:
            self.connect(connect_to)

    # -- endpoints ---------------------------------------------------------------------------

    @property
    def endpoints(self) -> list[str]:
        """Every endpoint that is bound (with its real port) or connected."""
        return self._routes.endpoints

    @property
    def is_connected(self) -> bool:
        """Whether a call made now would find a server."""
        return self._routes.has_any_up

    def _connect(self, endpoint: str) -> str:
        return self._routes.connect(endpoint)

    def _bind(self, endpoint: str) -> str:
        return self._routes.bind(endpoint)

    def _disconnect(self, endpoint: str) -> str:
        return self._routes.disconnect(endpoint)

    def close(self) -> None:
        """Close every socket; calls that wait get `ClosedError`, and so does every later use."""
        self._routes.close()

    def statistics(self) -> dict[str, Any]:
        """Return counters per endpoint: events received, dropped by reason, calls open, queued."""
        return self._routes.statistics()

    # -- calls -------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return remote_method(self, name)

    def __call__(
        self,
        method: str | bytes,
        *args: Any,
        timeout: float | None = _UNSET,
        slots: int | None = None,
        async_: bool = False,
        **options: Any,
    ) -> Any:
        """Call `method`; returns its value, or an iterator over its stream.

        `timeout` replaces the client's own. `slots` bounds the items of a stream that may be on
        their way. `async_=True` (`async` in a dict) returns a gevent `AsyncResult`, having
        waited for nothing but room to send. Raises `RemoteError`, `TimeoutExpired`, `LostRemote`,
        `ClosedError`; `TypeError` for any other keyword, as arguments travel by position only.
        """
        # Ordered by what a plain call needs: each test that it must pass costs it about 30 ns.
        if options:
            async_ = _async_option(options, async_)
        if type(method) is not str:
            method = _method_name(method)
        if timeout is _UNSET:
            timeout = self._timeout
        elif type(timeout) not in _PLAIN:
            timeout = check_timeout("timeout", timeout, is_computed=True)
        if slots is not None:
            slots = check_count("slots", slots, MOST_COUNTED)
        deadline = call_deadline.get()
        if deadline is not None or (timeout is not None and not 0 < timeout < FOR_EVER):
            timeout = _time_left(method, timeout, deadline)
        if async_:
            return self._call_async(method, args, timeout, slots)
        if self._context.middleware.has_client:
            return self._call_hooked(method, args, timeout, slots)
        return self._call(method, args, timeout, slots)

    def _call(self, method: str, args: Any, timeout: float | None, slots: int | None) -> Any:
        driver = self._routes.choose()
        channel = driver.call(method, args, timeout, slots)
        event = driver.wait(channel)
        # The first answer decides; a method does not say beforehand whether it streams.
        pattern = BY_ANSWER.get(event.name) or self._misunderstood(channel, event)
        if pattern is _STREAM:
            return items(channel, event, self._routes)
        try:
            return pattern.result(event, iter_nothing)
        except RemoteError:
            if not self._is_for_another(channel, event):
                raise
        return self._call_again(channel, method, args, slots)

    def _call_again(self, channel: Channel, method: str, args: Any, slots: int | None) -> Any:
        # What is left of the time, not the whole of it again: the caller waits for one call.
        left = _time_left(method, None, channel.expires)
        return self._call(method, args, left, slots)

    def _is_for_another(self, channel: Channel, answer: Event) -> bool:
        """Tell whether a server refused a call, unstarted, that another one can take."""
        if not is_refusal(answer):
            return False
        # Whoever refuses so has promised that nothing was started: calling again is safe even
        # for methods that must not run twice.
        # A hub that drains will end; a server may stop and run again.
        channel.home.mark_draining(for_good="hub" in answer.header)
        return not self._routes.choose().is_draining

    def _call_async(
        self, method: str, args: Any, timeout: float | None, slots: int | None
    ) -> gevent.event.AsyncResult[Any]:
        result: gevent.event.AsyncResult[Any] = gevent.event.AsyncResult()
        if self._context.middleware.has_client:
            # What asks for the task's context runs here; the rest may wait, which the hub must not.
            sent = self._send_hooked(method, args, timeout, slots)
            gevent.spawn(_settle, result, self._await_hooked, *sent, slots)
            return result
        # No greenlet: the hub settles the result when the answer comes, so 10,000 calls in flight
        # cost their channels and results only.
        channel = self._routes.choose().call(method, args, timeout, slots)

        def settle(event: Event) -> None:
            # The items are the reader's. Nor may the channel hold the result: an iterator in it
            # that somebody drops would never be noticed.
            channel.wake = nobody
            pattern = BY_ANSWER.get(event.name) or self._misunderstood(channel, event)
            try:
                result.set(pattern.result(event, lambda: items(channel, event, self._routes)))
            except RemoteError:
                if not self._is_for_another(channel, event):
                    raise
                gevent.spawn(_settle, result, self._call_again, channel, method, args, slots)

        def on_wake() -> None:
            try:
                event = channel.home.poll(channel)
                if event is not None:
                    settle(event)
            except Exception as error:  # whatever it is, somebody may wait for ever
                result.set_exception(error)

        # It may have ended in `call`, which waits for room where much is queued; nobody wakes it
        # then.
        channel.wake = on_wake
        if channel.state is not OPEN:
            on_wake()
        return result

    def _misunderstood(self, channel: Channel, event: Event) -> NoReturn:
        channel.home.close_channel(channel)
        raise unknown_answer(event)

    # -- calls while middleware is registered ------------------------------------------------

    def _call_hooked(self, method: str, args: Any, timeout: float | None, slots: int | None) -> Any:
        channel, request = self._send_hooked(method, args, timeout, slots)
        return self._await_hooked(channel, request, slots)

    def _send_hooked(
        self, method: str, args: Any, timeout: float | None, slots: int | None
    ) -> tuple[Channel, Event]:
        context = self._context
        extra = context.hook_get_task_context()
        request = opening_event(self._new_id(), method, args, extra, timeout)
        # What the hooks made of the event is sent, its name and arguments included.
        context.hook_client_before_request(request)
        try:
            # Only now, as a hook may wait: for as long as a server needs to go.
            driver = self._routes.choose()
            return driver.call(request.name, request.args, timeout, slots, request), request
        except BaseException as error:  # what began must end
            context.hook_client_after_request(request, None, error)
            raise

    def _await_hooked(self, channel: Channel, request: Event, slots: int | None) -> Any:
        try:
            event = channel.home.wait(channel)
            while event.name == ERR and self._is_for_another(channel, event):
                left = _time_left(request.name, None, channel.expires)
                if left is not None:
                    request.header["deadline_ms"] = in_milliseconds(left)
                driver = self._routes.choose()
                channel = driver.call(request.name, request.args, left, slots, request)
                event = driver.wait(channel)
        except BaseException as error:  # a Timeout of gevent's or a kill, too: what began must end
            self._context.hook_client_after_request(request, None, error)
            raise
        try:
            return self._hooked_result(channel, request, event)
        except BaseException:
            channel.home.close_channel(channel)
            raise

    def _hooked_result(self, channel: Channel, request: Event, event: Event) -> Any:
        context = self._context
        pattern: Any = BY_ANSWER.get(event.name)
        if context.middleware.hooks["client_patterns_list"]:
            # Stock asks on every first answer, and its hooks may add patterns of their own.
            offered = context.hook_client_patterns_list([BY_NAME["stream"], BY_NAME["rep"]])
            pattern = next((each for each in offered if each.accept_answer(event)), None)
        failure: BaseException | None = None
        result = None
        if pattern is None:
            failure = unknown_answer(event)
        else:
            try:
                result = pattern.result(
                    event, lambda: hooked_items(channel, event, request, context, self._routes)
                )
            except ZerorpcError as error:
                try:
                    failure = context.hook_client_handle_remote_error(event) or error
                except BaseException as raised:  # the other hooks hear of it, too
                    failure = raised
        # A stream has only begun; its iterator tells the hook how it ended.
        if failure is not None or pattern is not BY_NAME["stream"]:
            context.hook_client_after_request(request, event, failure)
        if failure is not None:
            raise failure
        return result


def _new_driver(
    context: Context,
    new_multiplexer: Callable[[Callable[[], bytes]], Multiplexer],
    on_change: Callable[[], None],
) -> Driver:
    """Return a driver for a further endpoint; holds no client, see `Routes`."""
    multiplexer = new_multiplexer(context.id_source())
    driver = Driver(context, multiplexer, on_change=on_change)
    driver.pump.start_reading()
    return driver


def _settle(result: gevent.event.AsyncResult[Any], functor: Callable[..., Any], *args: Any) -> None:
    """Give `result` what a function returns or raises; without gevent's report on stderr."""
    try:
        result.set(functor(*args))
    except BaseException as error:  # gevent.Timeout is none of Exception's, and somebody waits
        result.set_exception(error)


def _time_left(method: str, timeout: float | None, deadline: float | None) -> float | None:
    """Return the limit for a call within that of the handler that makes it, if it is in one."""
    timeout = check_timeout("timeout", timeout, is_computed=True)
    if deadline is not None:
        left = deadline - monotonic()
        timeout = left if timeout is None else min(timeout, left)
    # Not sent at all: a server would only find that it is too late.
    if timeout is not None and timeout <= 0:
        raise TimeoutExpired(max(timeout, 0), f"calling remote method {method}")
    return timeout


def _async_option(options: dict[str, Any], async_: bool) -> bool:
    """Return what `**{"async": ...}` says; any other keyword is an error that names it."""
    chosen = bool(options.pop("async", async_))
    if options:
        names = ", ".join(sorted(options))
        raise TypeError(
            f"unexpected keyword argument: {names}; a remote method takes its arguments by position"
        )
    return chosen


def _method_name(method: object) -> str:
    if isinstance(method, bytes):
        return method.decode()
    if isinstance(method, str):
        return str.__str__(method)  # an enum's, say, whose own would name the class
    raise TypeError(f"the name of a remote method is str or bytes, not {type(method).__name__}")
