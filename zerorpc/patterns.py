"""Both ends of an interaction: a call with one result, and a call with a stream of them.

What the names OK, ERR, STREAM and STREAM_DONE mean stands here and nowhere else.
"""

from __future__ import annotations

import reprlib
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, Protocol

from zerorpc.errors import (
    LocalProtocolError,
    LostRemote,
    Overloaded,
    RemoteError,
    TimeoutExpired,
    UnknownAnswer,
    ZerorpcError,
)
from zerorpc.wire import DRAINING, ERR, OK, STREAM, STREAM_DONE, Event

# The modules whose frames stand between the greenlet and the method in every traceback.
_OWN_FRAMES = frozenset(
    ("zerorpc.serving", "zerorpc.patterns", "zerorpc.oneway", "zerorpc.methods")
)

# What the packing of a value raises: those of MessagePack, and ours where it is too large.
_UNSENDABLE = (TypeError, ValueError, OverflowError, LocalProtocolError)

_NO_ASYNC = "a plain function can wait for anything, as gevent lets others run meanwhile"


class Answering(Protocol):
    """How a pattern speaks to the caller: events on the call's channel, waiting for credit."""

    def send(self, name: str, args: Any) -> None:
        """Send an event that is followed by others."""

    def finish(self, name: str, args: Any) -> None:
        """Send the last event of the call."""


class ReqRep:
    """One request, one reply."""

    def serve(self, answering: Answering, functor: Any, args: Any) -> None:
        """Run the method and send its result."""
        result = functor(*args)
        try:
            answering.finish(OK, [result])
        except _UNSENDABLE as error:
            _explain(error, f"what {_name_of(functor)} returned", result)
            raise

    def accept_answer(self, event: Event) -> bool:
        """Tell whether a first answer belongs to this pattern."""
        return event.name in (OK, ERR)

    def result(self, event: Event, _items: Callable[[], Iterator[Any]]) -> Any:
        """Return the value that an OK carries; raise what an ERR stands for."""
        if event.name == ERR:
            raise error_of(event)
        # Stock's own client fails with an IndexError or TypeError on such an answer.
        if type(event.args) is not list:
            raise RemoteError("RemoteProtocolError", f"OK with {type(event.args).__name__}", None)
        return event.args[0] if event.args else None


class ReqStream:
    """One request, any number of items, and an end."""

    def serve(self, answering: Answering, functor: Any, args: Any) -> None:
        """Run the method and send what it yields; its `finally` runs when the caller is gone."""
        result = functor(*args)
        try:
            iterator = iter(result)
        except TypeError:
            advice = "it should yield its items, or return something to iterate over"
            kind = type(result).__name__
            text = f"{_name_of(functor)} is a stream, but returned {kind}: {advice}"
            raise TypeError(text) from None
        try:
            send = answering.send
            for item in iterator:
                try:
                    send(STREAM, item)
                except _UNSENDABLE as error:
                    _explain(error, f"an item of {_name_of(functor)}")
                    raise
        finally:
            # Generators have one, and files; the iterators of lists have nothing to give back.
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        answering.finish(STREAM_DONE, None)

    def accept_answer(self, event: Event) -> bool:
        """Tell whether a first answer belongs to this pattern."""
        return event.name in (STREAM, STREAM_DONE)

    def result(self, _event: Event, items: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """Return the iterator over the items, of which the event is the first or the end."""
        return items()


Pattern = ReqRep | ReqStream
# By the name that a decorator gives.
BY_NAME: dict[str, Pattern] = {"rep": ReqRep(), "stream": ReqStream()}
# zerorpc-node ends an empty stream with OK: there it cannot be told from a call that returned None.
# By the first answer, which decides what the caller gets.
BY_ANSWER: dict[str, Pattern] = {
    OK: BY_NAME["rep"],
    ERR: BY_NAME["rep"],
    STREAM: BY_NAME["stream"],
    STREAM_DONE: BY_NAME["stream"],
}


def iter_nothing() -> Iterator[Any]:
    """Return an iterator over no items, for answers that are no stream."""
    return iter(())


def end_of(event: Event) -> None:
    """Raise what the last event of a stream stands for, if it is no proper end of one."""
    pattern = BY_ANSWER.get(event.name)
    if pattern is None:
        raise unknown_answer(event)
    pattern.result(event, iter_nothing)  # an ERR raises


def unknown_answer(event: Event) -> UnknownAnswer:
    """Return what to raise where an answer has a name that means nothing."""
    detail = f"Unable to find a pattern for: {event.name!r:.80}"
    return UnknownAnswer("unknown_answer", detail)


# -- values that cannot travel -------------------------------------------------------------------


def _explain(error: Exception, what: str, result: Any = None) -> None:
    """Raise `error` so that it says what to do about a method's value that cannot be packed.

    Returns where the error is another one, such as a hook's.
    """
    # Hooks run within the same call, so where it was raised decides.
    if not _is_of_packing(error):
        return
    advice = ""
    if isinstance(result, Iterable) and f"{type(result).__name__!r}" in str(error):
        advice = "; decorate the method with @zerorpc.stream, or return a list"
    elif isinstance(result, CoroutineType):
        result.close()
        advice = f"; {_NO_ASYNC}"
    elif isinstance(error, TypeError):
        advice = "; types of your own can travel by Context.register_type"
    if isinstance(error, UnicodeEncodeError):
        error.reason = f"{error.reason}; so {what} cannot travel"  # its text is not in `args`
    else:
        error.args = (f"{what} cannot travel: {error}{advice}",)
    # The library's own frames say nothing that this text does not.
    raise error.with_traceback(None) from None


def check_has_run(result: Any) -> None:
    """Raise `TypeError` if a one-way method has only made a generator or coroutine to be run."""
    if isinstance(result, GeneratorType | CoroutineType | AsyncGeneratorType):
        if isinstance(result, CoroutineType):
            result.close()  # or Python warns that nobody awaited it
        kind = type(result).__name__
        raise TypeError(f"it returned a {kind}, of which nothing has run; {_NO_ASYNC}")


def _is_of_packing(error: Exception) -> bool:
    frames = error.__traceback__
    while frames is not None and frames.tb_next is not None:
        frames = frames.tb_next
    module = frames.tb_frame.f_globals.get("__name__", "") if frames is not None else ""
    return module == "zerorpc.wire" or module.startswith("msgpack")


def _name_of(functor: Any) -> str:
    return str(getattr(functor, "__name__", "the method"))


# -- errors on the wire --------------------------------------------------------------------------


def describe_exception(error: BaseException) -> tuple[str, str, str]:
    """Return name, message and traceback of an exception as they travel, always encodable.

    Our own frames at the top of the traceback are left out: they say nothing about the method.
    Never raises, whatever the exception's class does when it is looked at.
    """
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__name__") in _OWN_FRAMES:
        frames = frames.tb_next
    try:
        message = str(error)
    except BaseException as unprintable:  # a broken __str__ must not cost the caller its answer
        message = f"<unprintable: {type(unprintable).__name__}>"
    name = type(error).__name__
    try:
        lines = traceback.format_exception(type(error), error, frames)
    except BaseException:  # a SyntaxError made by hand can do this, or a RecursionError
        lines = [f"{name}: {message}\n"]
    if not lines[0].startswith("Traceback"):
        lines.insert(0, "Traceback (most recent call last):\n")  # as clients expect it to begin
    return name, _encodable(message), _encodable("".join(lines))


def _encodable(text: str) -> str:
    """Replace what UTF-8 cannot carry, such as the lone surrogates of undecodable file names."""
    return text.encode("utf-8", "backslashreplace").decode()


def error_of(event: Event) -> ZerorpcError:
    """Return the exception that an ERR stands for.

    A hub marks the errors that it makes itself with the header `hub`; those get their own classes.
    """
    # Peers of v1 send one text; others may send anything, and all of it is told to the caller.
    args = event.args if type(event.args) is list else [event.args]
    texts = [None if arg is None else _text(arg) for arg in args]
    if len(texts) < 2:
        return RemoteError("RemoteError", texts[0] or "" if texts else "", None)
    name, message = texts[0] or "", texts[1] or ""
    if "hub" in event.header:
        if name == "LostRemote":
            return LostRemote(message)
        if name == "TimeoutExpired":
            return TimeoutExpired.saying(message)
        if name == "Overloaded":
            header = event.header
            return Overloaded(message, header.get("queued"), header.get("limit"))
    error = RemoteError(name, message, texts[2] if len(texts) > 2 else None)
    if "hub" in event.header:
        error.hub = _text(event.header["hub"])
    return error


def is_refusal(event: Event) -> bool:
    """Tell whether an ERR says that its call was not started, so that it may be made elsewhere.

    A method may raise a class of the same name: only a server that drains or a hub says so of
    itself, in the header, and neither has a traceback to send.
    """
    header, args = event.header, event.args
    return (
        type(args) is list
        and len(args) == 3
        and args[0] in (DRAINING, DRAINING.encode())
        and not args[2]
        and (header.get("draining") is True or "hub" in header)
    )


def _text(value: object) -> str:
    """Return a field of an ERR as text: Python 2 peers send bytes, and anyone may send anything."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else reprlib.repr(value)
