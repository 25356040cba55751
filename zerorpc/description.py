"""What a remote says of itself, read back: the answers of every kind of peer in one form.

The counterpart of `introspection`. Nothing here calls anybody: replies come in as plain data, and
garbage ends in a ValueError that names what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from zerorpc.introspection import paired

# A bound method's own first parameter, as it stands at the head of a signature text.
# Text, which `re` compiles when it is first used: that takes 2 ms of every start.
_SELF = r"^\((?:self|cls)(?:: [^,()=]+)?(?:, /)?(?:, |(?=\)))"
# How deep Python 2's tuple parameters may nest: a bound for the recursion, not for people.
_DEPTH_MAX = 8


class Argument(NamedTuple):
    """One positional parameter of a remote method; `default` counts only if `has_default`."""

    name: str
    has_default: bool = False
    default: object = None

    def __str__(self) -> str:
        return f"{self.name}={self.default!r}" if self.has_default else self.name


class MethodDescription(NamedTuple):
    """What a remote says of one of its methods; None stands for "it did not say"."""

    name: str
    arguments: tuple[Argument, ...] | None = None
    doc: str | None = None
    varargs: str | None = None
    keywords: str | None = None
    signature: str | None = None
    is_stream: bool | None = None


class ServiceDescription(NamedTuple):
    """A remote's name and its methods by name, in the order it listed them."""

    name: str
    methods: Mapping[str, MethodDescription]


def normalize_inspect(reply: object) -> ServiceDescription:
    """Read the answer to `_zerorpc_inspect` of any known peer; ValueError says what is wrong.

    Known are the map form (ours, stock's since 0.4, node's) and the older list of
    `[name, argspec, doc]`; text may be bytes, as Python 2 servers send it.
    """
    fields = _mapping(reply, "the description")
    # The only key that cannot be done without: it is what was asked for.
    if "methods" not in fields:
        raise ValueError("the description has no 'methods'")
    name = _optional_text(fields.get("name"), "the service's name") or ""
    listed = fields["methods"]
    if isinstance(listed, dict):
        methods = [_method_from_map(key, details) for key, details in listed.items()]
    else:
        methods = [_method_from_list(item) for item in _sequence(listed, "'methods'")]
    return ServiceDescription(name, {method.name: method for method in methods})


def method_from_argspec(name: object, spec: object, doc: object) -> MethodDescription:
    """A method from what `_zerorpc_args` and `_zerorpc_help` answer; ValueError as above."""
    method = _text(name, "a method's name")
    doc = _optional_text(doc, f"the doc of {method!r}")
    if spec is None:
        return MethodDescription(method, doc=doc)
    parts = _sequence(spec, f"the argspec of {method!r}")
    # Later Pythons know specs of seven parts; the first four mean the same.
    if len(parts) < 4:
        raise ValueError(f"the argspec of {method!r} has {len(parts)} parts instead of 4")
    names = _sequence(parts[0], f"the argument names of {method!r}")
    defaults = [] if parts[3] is None else _sequence(parts[3], f"the defaults of {method!r}")
    return MethodDescription(
        method,
        tuple(
            Argument(_argument_name(item, method), bool(default), *default)
            for item, default in paired(names, defaults)
        ),
        doc,
        varargs=_optional_text(parts[1], f"the varargs name of {method!r}"),
        keywords=_optional_text(parts[2], f"the keywords name of {method!r}"),
    )


def render_method(method: MethodDescription) -> str:
    """`name(arg, b=3)` as a caller would write it, without `self`; `name(...)` if unknown."""
    # The text knows more: keyword-only parameters and annotations are nowhere else.
    if method.signature is not None:
        return method.name + re.sub(_SELF, "(", method.signature, count=1)
    if method.arguments is None:
        return f"{method.name}(...)"
    arguments = [str(argument) for argument in method.arguments]
    # Shown by peers since the first version; nobody sends it.
    if arguments and arguments[0] in ("self", "cls"):
        del arguments[0]
    if method.varargs:
        arguments.append(f"*{method.varargs}")
    if method.keywords:
        arguments.append(f"**{method.keywords}")
    return f"{method.name}({', '.join(arguments)})"


def _method_from_map(key: object, details: object) -> MethodDescription:
    method = _text(key, "a method's name")
    fields = _mapping(details, f"the description of {method!r}")
    args = fields.get("args")
    # Ours alone; another peer may mean something else by it.
    is_stream = fields.get("stream")
    return MethodDescription(
        method,
        None
        if args is None
        else tuple(
            _argument(item, method) for item in _sequence(args, f"the arguments of {method!r}")
        ),
        _optional_text(fields.get("doc"), f"the doc of {method!r}"),
        signature=_optional_text(fields.get("signature"), f"the signature of {method!r}"),
        is_stream=is_stream if isinstance(is_stream, bool) else None,
    )


def _method_from_list(item: object) -> MethodDescription:
    parts = _sequence(item, "an item of 'methods'")
    if len(parts) != 3:
        raise ValueError(f"an item of 'methods' has {len(parts)} parts instead of 3")
    return method_from_argspec(*parts)


def _argument(item: object, method: str) -> Argument:
    fields = _mapping(item, f"an argument of {method!r}")
    name = _text(fields.get("name"), f"the name of an argument of {method!r}")
    return Argument(name, "default" in fields, fields.get("default"))


def _argument_name(item: object, method: str, depth: int = 0) -> str:
    """The name; Python 2 could unpack a tuple in the parameter list, `def f(a, (b, c))`."""
    if isinstance(item, list) and depth < _DEPTH_MAX:
        return f"({', '.join(_argument_name(part, method, depth + 1) for part in item)})"
    return _text(item, f"an argument of {method!r}")


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a map but {type(value).__name__}")
    return {_text(key, f"a key of {what}"): item for key, item in value.items()}


def _sequence(value: object, what: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{what} is not a list but {type(value).__name__}")
    return list(value)  # a tuple comes from callers that did not go through the wire


def _text(value: object, what: str) -> str:
    # Python 2 peers send their native strings as bytes, in whatever encoding their source had.
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise ValueError(f"{what} is not text but {type(value).__name__}")
    return value


def _optional_text(value: object, what: str) -> str | None:
    """Text or None; empty text is nothing said (node sends `doc: ''` for every method)."""
    return _text(value, what) or None if value is not None else None
