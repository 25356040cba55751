"""What a callable looks like as plain data: the parts that `_zerorpc_inspect` is made of.

It must not fail on whatever people expose, and nothing here knows of servers, sockets or
greenlets. `description` reads the other side's answer.

Arguments travel by position only, hence keyword-only parameters are in no `args` list: nobody
could send them. The signature text does show them.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zerorpc.later import later

if TYPE_CHECKING:
    import inspect
else:
    inspect = later("inspect")

# MessagePack's integers: 64 bits, signed or not.
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
# Defaults nested deeper than this are given as text: a list may contain itself.
_DEPTH_MAX = 8


class _Verbatim(str):
    """An annotation that is text already and must not be quoted a second time."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature_of(functor: Callable[..., Any]) -> inspect.Signature | None:
    """The signature of `functor`, or None where Python cannot tell.

    A bound method keeps its `self` or `cls`: stock peers have always been shown them.
    """
    # `inspect.signature` leaves the first parameter of a bound method out.
    target = functor.__func__ if isinstance(functor, types.MethodType) else functor
    try:
        return inspect.signature(target)
    except Exception:
        # Foreign code runs here (`__signature__`, `__wrapped__`, `__getattr__`) and may raise
        # anything; what cannot be described is still callable, so the answer is "unknown".
        return None


def argspec_of(functor: Callable[..., Any]) -> list[Any] | None:
    """`[args, varargs, keywords, defaults]` in the shape of the old `inspect.getargspec`."""
    signature = signature_of(functor)
    if signature is None:
        return None
    args: list[str] = []
    defaults: list[Any] = []
    varargs = keywords = None
    for parameter in signature.parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            args.append(parameter.name)
            if parameter.default is not parameter.empty:
                defaults.append(portable(parameter.default))
        elif parameter.kind is parameter.VAR_POSITIONAL:
            varargs = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            keywords = parameter.name
    # None and not []: so it was with getargspec, and stock's command line relies on it.
    return [args, varargs, keywords, defaults or None]


def arguments_of(functor: Callable[..., Any]) -> list[dict[str, Any]] | None:
    """`[{'name': ..., 'default': ...}, ...]` of the positional parameters.

    The key `default` is there only where the parameter has one, even if that is None.
    """
    spec = argspec_of(functor)
    if spec is None:
        return None
    names, _, _, defaults = spec
    return [
        {"name": name, "default": default[0]} if default else {"name": name}
        for name, default in paired(names, defaults or [])
    ]


def signature_text(functor: Callable[..., Any]) -> str | None:
    """The signature as one would write it, `(self, a, b=3, *, key=1) -> int`, or None."""
    signature = signature_of(functor)
    if signature is None:
        return None
    try:
        return plain_text(str(_unquoted(signature)))
    except Exception:
        # The `__repr__` of a default or an annotation is foreign code too.
        return None


def docstring_of(functor: object) -> str | None:
    """The docstring as written; a partial without one of its own has that of its function."""
    doc = _text_attribute(functor, "__doc__")
    # An instance shows its class's docstring; that of `partial` says nothing about the call.
    if isinstance(functor, functools.partial) and doc == functools.partial.__doc__:
        return docstring_of(functor.func)
    return doc


def name_of(thing: object) -> str:
    """What `thing` is called, or what its type is called if it has no name of its own."""
    if isinstance(thing, functools.partial):
        return name_of(thing.func)
    return _text_attribute(thing, "__name__") or type(thing).__name__


def plain_text(text: str) -> str:
    """`text` with lone surrogates escaped, since those have no UTF-8 form."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def portable(value: object, depth: int = 0) -> Any:
    """`value` if MessagePack can carry it, else its repr; containers item by item."""
    if value is None or isinstance(value, (bool, float, bytes)):
        return value
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, int) and _INT_MIN <= value <= _INT_MAX:
        return value
    if depth < _DEPTH_MAX:
        # Both are arrays on the wire, and arrive as lists.
        if isinstance(value, (list, tuple)):
            return [portable(item, depth + 1) for item in value]
        if isinstance(value, dict) and all(isinstance(key, (str, bytes, int)) for key in value):
            return {
                portable(key, depth + 1): portable(item, depth + 1) for key, item in value.items()
            }
    return _repr(value)


def _text_attribute(thing: object, name: str) -> str | None:
    """An attribute of foreign make: it may raise, or be anything where `__getattr__` says so."""
    try:
        value = getattr(thing, name, None)
    except Exception:
        return None
    return value if isinstance(value, str) else None


def _repr(value: object) -> str:
    try:
        return plain_text(repr(value))
    except Exception:
        # A repr of its own that fails is passed over; this one cannot.
        return object.__repr__(value)


def _unquoted(signature: inspect.Signature) -> inspect.Signature:
    """`signature` with the text annotations of `from __future__ import annotations` bare."""

    def bare(annotation: Any) -> Any:
        return _Verbatim(annotation) if isinstance(annotation, str) else annotation

    return signature.replace(
        parameters=[
            parameter.replace(annotation=bare(parameter.annotation))
            for parameter in signature.parameters.values()
        ],
        return_annotation=bare(signature.return_annotation),
    )


def paired(names: list[Any], defaults: list[Any]) -> list[tuple[Any, tuple[Any, ...]]]:
    """Each name with a 1-tuple of its default, or (): defaults belong to the last names."""
    first = len(names) - len(defaults)
    return [
        (name, () if index < first else (defaults[index - first],))
        for index, name in enumerate(names)
    ]
