"""What every object with a socket has: endpoints, `close()`, and use in a `with` statement."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

from msgpack import unpackb

from zerorpc.context import Context
from zerorpc.errors import EndpointError
from zerorpc.limits import Limits, check_limits
from zerorpc.quoting import excerpt, printable
from zerorpc.wire import Blob, Codec, Event

_log = logging.getLogger("zerorpc.events")

# How a codec encodes what is sent; not heartbeats, as a thread without a loop may send those.
_ENCODERS = ("request", "reply", "event")
_SHOWN_CHARACTERS = 200
# Decoded again to be shown, and made text of; above this it would take longer than the call.
_SHOWN_BYTES = 1 << 20

Self = TypeVar("Self", bound="SocketBase")


class SocketBase(ABC):
    """Common ground of Client, Server, Pusher, Puller, Publisher and Subscriber."""

    def __init__(self, context: Context | None, limits: Limits | None) -> None:
        if not isinstance(context, Context | None):
            raise TypeError(f"context={context!r}: should be a zerorpc.Context, or None")
        self._context = context or Context.get_instance()
        self._limits = check_limits(limits)
        self._is_closed = False
        self._is_debugged = False
        # One for each object, as a packer must not be shared between threads; 2 kB.
        self._codec = Codec(
            self._context.types.values(),
            self._limits.event_bytes,
            self._limits.containers,
            self._limits.items,
        )

    def connect(self, endpoint: Any, resolve: bool = True) -> list[str]:
        """Connect to an endpoint, or to each of a list; returns them as resolved.

        Nobody need be there yet. Raises `EndpointError` for what cannot be an endpoint, and for a
        host that no name server knows; where none answers, the connection is made when one does.
        """
        # A list even for one endpoint, as stock returns it: resolving may make several of one.
        return [self._connect(each) for each in self._resolved(endpoint, resolve)]

    def bind(self, endpoint: Any, resolve: bool = True) -> list[str]:
        """Bind to an endpoint, or to each of a list; returns them with the ports chosen for `*`.

        Raises `EndpointError`, for example when a port is in use.
        """
        return [self._bind(each) for each in self._resolved(endpoint, resolve)]

    def disconnect(self, endpoint: Any, resolve: bool = True) -> list[str]:
        """Undo `connect` or `bind` of an endpoint, or of each of a list."""
        return [self._disconnect(each) for each in self._resolved(endpoint, resolve)]

    def _resolved(self, endpoint: Any, resolve: bool) -> list[str]:
        # Looked up here, since clients take every name that they do not have for a remote method.
        _check_made(self)
        # A name that resolves to nothing must not look like a success.
        found = self._context.resolve(endpoint) if resolve else list(_flat(endpoint))
        if not found:
            raise EndpointError(f"{endpoint!r} holds no endpoint")
        return found

    @property
    def debug(self) -> bool:
        """Whether each event is logged, by `zerorpc.events` at level DEBUG; can be set.

        Costs nothing unless set. Own heartbeats are not shown.
        """
        return self._is_debugged

    @debug.setter
    def debug(self, is_on: bool) -> None:
        if is_on and not self._is_debugged:
            _log_events(self._codec)
        elif self._is_debugged and not is_on:
            for name in (*_ENCODERS, "decode"):
                delattr(self._codec, name)
        self._is_debugged = bool(is_on)

    @property
    @abstractmethod
    def endpoints(self) -> list[str]:
        """Every endpoint that is bound (with its real port) or connected."""

    @abstractmethod
    def _connect(self, endpoint: str) -> str:
        """Connect to one resolved endpoint."""

    @abstractmethod
    def _bind(self, endpoint: str) -> str:
        """Bind to one resolved endpoint."""

    @abstractmethod
    def _disconnect(self, endpoint: str) -> str:
        """Undo `_connect` or `_bind`."""

    @abstractmethod
    def close(self) -> None:
        """End everything: every later use raises `ClosedError`. Closing twice is harmless."""

    # Instead of a `__del__`, which would switch greenlets inside the garbage collector.
    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _log_events(codec: Codec) -> None:
    """Put logging versions in front of the methods of one codec."""

    def logged(
        functor: Callable[..., Any], text: str, show: Callable[[Any], str], *args: Any
    ) -> Any:
        result = functor(*args)
        _log.debug(text, show(result))
        return result

    for name in _ENCODERS:
        setattr(codec, name, partial(logged, getattr(codec, name), "--> %s", _shown_blob))
    codec.decode = partial(  # type: ignore[method-assign]
        logged, codec.decode, "<-- %s", _shown
    )


def _shown_blob(blob: Blob) -> str:
    """Return as text what is sent, whatever it is: no bound for what we receive may stop it."""
    if len(blob) > _SHOWN_BYTES:
        return f"not shown: {len(blob)} bytes"
    try:
        return _shown(Event(*unpackb(blob, strict_map_key=False)))
    except Exception as error:
        return f"not shown: {error!r}"


def _shown(event: Event) -> str:
    """Return an event as text, at most so long as one can read."""
    try:
        text = f"{event.name} {event.args!r} {event.header}"
    except Exception as error:  # a custom type's own `__repr__`, or what is nested too deeply
        return f"{excerpt(event.name)} not shown: {type(error).__name__}"
    shown = printable(text[:_SHOWN_CHARACTERS])
    return shown if len(text) <= _SHOWN_CHARACTERS else f"{shown}..."


def _flat(endpoint: Any) -> Iterator[str]:
    if isinstance(endpoint, list | tuple):
        for each in endpoint:
            yield from _flat(each)
    else:
        yield endpoint


def remote_method(functor: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return a function that calls `functor` with `name` first: what `client.name` is.

    Raises `AttributeError` for names like `__deepcopy__`, by which Python asks objects for their
    abilities, so that a client is not taken for something that it is not.
    """
    if name.startswith("_"):
        # Without this `copy.copy(client)` and others would make remote calls.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        # It may be its own attribute that it has not, and not a method of the other side.
        _check_made(functor)
    return partial(functor, name)


def _check_made(it: object) -> None:
    if "_context" not in vars(it):
        name = type(it).__name__
        raise RuntimeError(f"{name}.__init__ has to call super().__init__() before this")
