"""Asking a remote what it offers, whatever its age: one description of any kind of server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zerorpc.description import (
    MethodDescription,
    ServiceDescription,
    method_from_argspec,
    normalize_inspect,
)
from zerorpc.errors import RemoteError

from .outcome import Mistake, did_you_mean, quoted

# A client, as far as it matters here: call it with a method's name and parameters.
Call = Callable[..., Any]


def ask_service(call: Call) -> ServiceDescription:
    """Describe the remote service and all its methods.

    Stock servers fail `_zerorpc_inspect` on Python 3.11 and later, the oldest have none: these
    are asked name by name.
    """
    description = _inspect(call)
    if description is None:
        # Two short questions a method, one after the other: seldom needed, and no burst.
        methods = {name: _ask_old(call, name) for name in _ask_names(call)}
        description = ServiceDescription(_ask_name(call), methods)
    return description


def ask_method(call: Call, method: str) -> MethodDescription:
    """Describe one method; Mistake if the remote does not list it."""
    # One question for all methods, since only it tells whether there is such a method.
    description = _inspect(call)
    known = list(description.methods) if description is not None else _ask_names(call)
    if method not in known:
        raise unknown_method(method, known)
    return description.methods[method] if description is not None else _ask_old(call, method)


def ask_names(call: Call) -> list[str]:
    """The names of the remote's methods; Mistake if it does not tell them."""
    description = _inspect(call)
    return list(description.methods) if description is not None else _ask_names(call)


def unknown_method(method: str, known: list[str]) -> Mistake:
    """The mistake of calling what the remote does not list."""
    return Mistake(f"the remote has no method {quoted(method)}{did_you_mean(method, known)}")


def _inspect(call: Call) -> ServiceDescription | None:
    try:
        return normalize_inspect(call("_zerorpc_inspect"))
    # Whatever is wrong with its answer, the older questions may still be understood.
    except (RemoteError, ValueError):
        return None


def _ask_name(call: Call) -> str:
    return _text(call("_zerorpc_name"))


def _ask_names(call: Call) -> list[str]:
    try:
        return [_text(name) for name in call("_zerorpc_list")]
    except RemoteError as error:
        if error.name != "NameError":
            raise
        raise Mistake(
            "the remote cannot be asked what it offers:"
            " it knows neither _zerorpc_inspect nor _zerorpc_list"
        ) from error


def _ask_old(call: Call, method: str) -> MethodDescription:
    doc = call("_zerorpc_help", method)
    try:
        return method_from_argspec(method, call("_zerorpc_args", method), doc)
    except RemoteError:
        # `inspect.getargspec` is gone from the Python that the server runs on.
        return method_from_argspec(method, None, doc)


def _text(name: Any) -> str:
    # Python 2 servers send their native text as bytes.
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
