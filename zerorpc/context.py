"""What calls have around them: middleware hooks, the task's own context, custom types, endpoints.

One `Context` usually serves a process (`Context.get_instance()`). It is a gevent-aware ZeroMQ
context too, as in stock zerorpc, and carries the hooks that middleware registers. A hook is a
method of any object (or an entry of a dict) whose name is one of `HOOKS`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import zmq.green

from zerorpc.errors import EndpointError
from zerorpc.quoting import excerpt
from zerorpc.transport.process import end_with_process, fork_count
from zerorpc.transport.scheduling import give_way
from zerorpc.wire import HEADER_KEYS, CustomType, Event

Result = TypeVar("Result")

CLIENT_HOOKS = (
    "client_before_request",
    "client_after_request",
    "client_handle_remote_error",
    "client_patterns_list",
)
SERVER_HOOKS = (
    "load_task_context",
    "server_before_exec",
    "server_after_exec",
    "server_inspect_exception",
)
HOOKS = ("resolve_endpoint", "get_task_context", *CLIENT_HOOKS, *SERVER_HOOKS)

_MAX_SOCKETS = 16384

# What MessagePack has words of its own for.
_CARRIED = (type(None), str, bytes, bytearray, memoryview, int, float, list, tuple, dict)

# The instant (seconds, `time.monotonic`) until which the caller of the current handler waits.
call_deadline: ContextVar[float | None] = ContextVar("zerorpc_call_deadline", default=None)


if TYPE_CHECKING:
    _ZmqContext = zmq.green.Context[zmq.green.Socket[bytes]]
else:
    _ZmqContext = zmq.green.Context  # a plain class where it runs


class Middleware:
    """The registered hooks by name; `has_client` and `has_server` tell whether any can run there.

    The flags are what a call looks at, so that hooks nobody registered cost one attribute.
    """

    def __init__(self) -> None:
        self.hooks: dict[str, list[Callable[..., Any]]] = {name: [] for name in HOOKS}
        self.has_client = False
        self.has_server = False

    def register(self, middleware: object) -> int:
        """Register every hook that an object has as a method, or a dict as an entry."""
        found = 0
        for name in HOOKS:
            if isinstance(middleware, Mapping):
                functor = middleware.get(name)
            else:
                functor = getattr(middleware, name, None)
            # Names that are no hook are ignored, as stock does: middleware has other methods as
            # well.
            if functor is None:
                continue
            if not callable(functor):
                raise TypeError(f"the hook {name!r} is not callable: {excerpt(repr(functor))}")
            self.hooks[name].append(functor)
            found += 1
        # Of use on both sides; `resolve_endpoint` is no business of a call.
        travels = bool(self.hooks["get_task_context"])
        self.has_client = travels or any(self.hooks[name] for name in CLIENT_HOOKS)
        self.has_server = travels or any(self.hooks[name] for name in SERVER_HOOKS)
        return found


class Context(_ZmqContext):
    """A ZeroMQ context with middleware and custom types."""

    # pyzmq takes unknown attributes for socket options unless the class declares them.
    _shared: ClassVar[Context | None] = None
    _shared_forks: ClassVar[int] = 0
    middleware: Middleware = Middleware()
    types: dict[int, CustomType] = {}  # noqa: RUF012  # replaced per instance, see above
    _ids: Iterator[bytes] = iter(())
    _ids_forks: int = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Each connection takes three sockets, its monitor's two included, and libzmq allows 1023
        # unless asked for more; a slot costs 12 bytes.
        self.set(zmq.green.MAX_SOCKETS, _MAX_SOCKETS)
        give_way(self)
        end_with_process(self)
        self.middleware = Middleware()
        self.types = {}
        self._renew_ids()

    @classmethod
    def get_instance(cls) -> Context:
        """Return the context of this process; the child of a fork gets one of its own."""
        shared = Context._shared
        if shared is None or shared.closed or Context._shared_forks != fork_count():
            shared = Context._shared = cls()
            Context._shared_forks = fork_count()
        return shared

    # -- ids ---------------------------------------------------------------------------------

    def new_msgid(self) -> bytes:
        """Return a fresh message id: 32 hex digits, a counter behind a random start per process."""
        if self._ids_forks != fork_count():
            self._renew_ids()
        return next(self._ids)

    def id_source(self) -> Callable[[], bytes]:
        """Return a function that makes fresh ids, from a start of its own; for any thread."""
        return message_ids(_random_start()).__next__

    def _renew_ids(self) -> None:
        self._ids = message_ids(_random_start())
        self._ids_forks = fork_count()

    # -- types -------------------------------------------------------------------------------

    def register_type(
        self,
        type: type,  # noqa: A002  # the name that reads best where it is called
        code: int,
        pack: Callable[[Any], bytes],
        unpack: Callable[[bytes], Any],
    ) -> None:
        """Let values of `type` (and of its subclasses) travel as MessagePack ext `code`, 0 to 127.

        Both ends must register it; one that did not gets a `msgpack.ExtType`. Holds for clients and
        servers that are made afterwards. A type with several codes is sent under the last and read
        under all. Raises `TypeError` for what MessagePack carries by itself (str, list, dict
        ... and their subclasses), as `pack` would never be asked; for `int` it is, beyond 64 bits.
        Raises `ValueError` for a code out of range or in use.
        """
        _check_type(type, code, pack, unpack)
        # MessagePack keeps the negative ones for itself (-1 is its timestamp).
        if not 0 <= code <= 127:
            raise ValueError(f"ext code {code} is not within 0 to 127")
        used = self.types.get(code)
        if used is not None and used.type is not type:
            raise ValueError(f"ext code {code} is in use for {used.type.__name__}")
        self.types[code] = CustomType(type, code, pack, unpack)

    # -- endpoints ---------------------------------------------------------------------------

    def resolve(self, endpoint: object) -> list[str]:
        """Return every endpoint that `endpoint` (text, or lists of it) stands for, hooks applied.

        Raises `EndpointError` when that is none.
        """
        found = list(self._resolved(endpoint))
        if not found:
            raise EndpointError(f"{endpoint!r} resolves to no endpoint")
        return found

    def _resolved(self, endpoint: object) -> Iterator[str]:
        if isinstance(endpoint, list | tuple):
            for each in endpoint:
                yield from self._resolved(each)
        else:
            resolved = self.hook_resolve_endpoint(endpoint)
            if isinstance(resolved, list | tuple):
                for each in resolved:
                    yield from self._resolved(each) if each != endpoint else (each,)
            elif resolved is not None:  # which is how a resolver says that it knows of none
                yield resolved

    # -- hooks, each under the name that stock gives it --------------------------------------

    def register_middleware(self, middleware: object) -> int:
        """Register the hooks of an object or dict; returns how many were found."""
        return self.middleware.register(middleware)

    def hook_resolve_endpoint(self, endpoint: Any) -> Any:
        """Return what the registered resolvers, in turn, make of an endpoint."""
        for functor in self.middleware.hooks["resolve_endpoint"]:
            endpoint = functor(endpoint)
        return endpoint

    def hook_load_task_context(self, event_header: dict[Any, Any]) -> None:
        """Give a received header to whoever keeps a task's context."""
        for functor in self.middleware.hooks["load_task_context"]:
            functor(event_header)

    def hook_get_task_context(self) -> dict[str, Any]:
        """Return the header entries that go out with every event of the current task."""
        # Later middleware may replace what earlier set, so the order of registration counts.
        merged: dict[str, Any] = {}
        for functor in self.middleware.hooks["get_task_context"]:
            merged.update(functor())
        # Passed over and no error, as one hook may give back the whole header that the other has
        # loaded: with the `v` of another event a stream would never end.
        for key in HEADER_KEYS & merged.keys():
            del merged[key]
        return merged

    def hook_server_before_exec(self, request_event: Event) -> None:
        """Tell that a method is about to run."""
        for functor in self.middleware.hooks["server_before_exec"]:
            functor(request_event)

    def hook_server_after_exec(self, request_event: Event, reply_event: Event | None) -> None:
        """Tell that a method succeeded; its reply is about to be sent."""
        for functor in self.middleware.hooks["server_after_exec"]:
            functor(request_event, reply_event)

    def hook_server_inspect_exception(
        self, request_event: Event, reply_event: Event | None, task_context: Any, exc_infos: Any
    ) -> None:
        """Tell that a method raised; the ERR is about to be sent."""
        for functor in self.middleware.hooks["server_inspect_exception"]:
            functor(request_event, reply_event, task_context, exc_infos)

    def hook_client_handle_remote_error(self, event: Event) -> BaseException | None:
        """Return the exception to raise for an ERR instead of `RemoteError`, or None."""
        chosen: BaseException | None = None
        for functor in self.middleware.hooks["client_handle_remote_error"]:
            # All are asked and the last who has an answer wins, as in stock.
            chosen = functor(event) or chosen
        return chosen

    def hook_client_before_request(self, event: Event) -> None:
        """Tell that a call is about to be sent."""
        for functor in self.middleware.hooks["client_before_request"]:
            functor(event)

    def hook_client_after_request(
        self,
        request_event: Event,
        reply_event: Event | None,
        exception: BaseException | None = None,
    ) -> None:
        """Tell how a call ended."""
        for functor in self.middleware.hooks["client_after_request"]:
            functor(request_event, reply_event, exception)

    def hook_client_patterns_list(self, patterns: list[Any]) -> list[Any]:
        """Return the patterns to try on a first answer."""
        for functor in self.middleware.hooks["client_patterns_list"]:
            patterns = functor(patterns)
        return patterns


def _check_type(kind: Any, code: Any, pack: Any, unpack: Any) -> None:
    """Raise `TypeError` for what cannot be registered, naming the argument."""
    if not isinstance(kind, type):
        raise TypeError(f"type={kind!r}: should be a class")
    # What asks for it is C code that looks for these first, and their subclasses.
    if issubclass(kind, _CARRIED) and kind is not int:
        raise TypeError(f"type={kind.__name__}: travels by itself, so nobody would ask `pack`")
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"code={code!r}: should be a whole number, 0 to 127")
    for name, functor in (("pack", pack), ("unpack", unpack)):
        if not callable(functor):
            raise TypeError(f"{name}={functor!r}: should be a function")


def message_ids(start: int) -> Iterator[bytes]:
    """Yield ids of 32 ASCII hex digits: 8 that count up from `start`, and 24 that are random.

    When the counter is at its end it begins again, with other random digits. `itertools` keeps each
    step atomic, so that the watchdog thread may draw from it as well.
    """
    tails = (os.urandom(12).hex().encode() for _ in itertools.count())
    counters = (zip(range(start, 1 << 32), itertools.repeat(tail)) for tail in tails)
    return map(b"%08x%b".__mod__, itertools.chain.from_iterable(counters))


def _random_start() -> int:
    return int.from_bytes(os.urandom(4), "little") & 0x7FFFFFFF


def fork_task_context(
    functor: Callable[..., Result], context: Context | None = None
) -> Callable[..., Result]:
    """Return `functor` wrapped to run, in another greenlet, with the task context of this one.

    The deadline of the handler that this one runs, if it runs one, goes along.
    """
    used = context or Context.get_instance()
    header = used.hook_get_task_context()
    deadline = call_deadline.get()

    def wrapped(*args: Any, **kwargs: Any) -> Result:
        used.hook_load_task_context(header)
        token = call_deadline.set(deadline)
        try:
            return functor(*args, **kwargs)
        finally:
            call_deadline.reset(token)

    return wrapped
