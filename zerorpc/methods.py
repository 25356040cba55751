"""What a server exposes: the decorators, the table of methods, the methods every server has.

Pure: no sockets, no greenlets. A server looks a name up in the plain dict that `expose` returns
and reads `_functor` and `pattern_name` of what it finds, one attribute load each.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from zerorpc import introspection
from zerorpc.later import later

if TYPE_CHECKING:
    import inspect
else:
    inspect = later("inspect")

# They have methods, none of which anybody means to serve: `Server("urllib.parse")` is a slip.
VALUES = (int, float, complex, bool, str, bytes, bytearray, list, tuple, set, frozenset)
_NOTHING: Any = object()


class DecoratorBase:
    """A callable together with the pattern by which its result travels.

    It stands in for the callable where that is an attribute of a class: access through an
    instance gives the same decorator around the bound method. Wrapping a wrapped callable
    replaces the pattern.
    """

    pattern_name: ClassVar[str]

    def __init__(self, functor: Any = _NOTHING) -> None:
        if functor is _NOTHING:
            raise TypeError(f"@zerorpc.{self.pattern_name} stands without parentheses")
        if isinstance(functor, DecoratorBase):
            functor = functor._functor
        # A classmethod is no callable but becomes one where it is bound.
        if not callable(functor) and not hasattr(type(functor), "__get__"):
            raise TypeError(f"{functor!r} is not callable")
        self._functor: Callable[..., Any] = functor
        # For `inspect.signature` and `help()`, which look through it.
        self.__wrapped__ = functor
        self.__doc__ = introspection.docstring_of(functor)
        self.__name__ = introspection.name_of(functor)

    def __get__(self, instance: object, owner: type | None = None) -> DecoratorBase:
        functor = self._functor
        # Of the type, as Python itself does: an object that answers to every name is no descriptor.
        bind = getattr(type(functor), "__get__", None)
        # A partial is called as it is: that it may become a method descriptor in a later
        # Python (3.13 warns) must not change what is exposed.
        if bind is None or isinstance(functor, functools.partial):
            return self
        bound = bind(functor, instance, owner)
        return self if bound is functor else type(self)(bound)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the callable itself, as if it were not decorated."""
        return self._functor(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__}>"

    def _zerorpc_doc(self) -> str | None:
        """The docstring with its indentation removed, or None."""
        doc = self.__doc__
        return None if doc is None else introspection.plain_text(inspect.cleandoc(doc))

    def _zerorpc_args(self) -> list[Any] | None:
        """`[args, varargs, keywords, defaults]` as `inspect.getargspec` had it, or None."""
        return introspection.argspec_of(self._functor)

    def _zerorpc_describe(self) -> dict[str, Any]:
        """This method's entry in the answer to `_zerorpc_inspect`."""
        return {
            "args": introspection.arguments_of(self._functor),
            "doc": self._zerorpc_doc(),
            "signature": introspection.signature_text(self._functor),
            "stream": self.pattern_name == stream.pattern_name,
        }


class rep(DecoratorBase):
    """Answer a call with the one value that the method returns; the default."""

    pattern_name = "rep"


class stream(DecoratorBase):
    """Answer a call with a stream of the items of the iterable that the method returns."""

    pattern_name = "stream"


def expose(target: object, hidden: frozenset[str] = frozenset()) -> dict[str, DecoratorBase]:
    """The methods of `target` by name, as a new dict; what has no decorator is wrapped in `rep`.

    A dict is taken as it is, names that start with `_` included, and is not changed. Of anything
    else - object, module, class - every callable attribute counts whose name neither starts with
    `_` nor is `hidden`: a server that exposes itself hides what it inherited.
    """
    # Names with `_` too: who writes them down wants them to be called, as in stock.
    if type(target) in VALUES:
        kind = type(target).__name__
        raise TypeError(f"{target!r:.80} is a {kind}; a module, class, object or dict is wanted")
    if isinstance(target, dict):
        return {_checked_name(name): _checked_method(name, f) for name, f in target.items()}
    methods = {}
    # Sorted by `dir`, and so is what `_zerorpc_list` answers, as ever.
    for name in dir(target):
        if name.startswith("_") or name in hidden:
            continue
        try:
            attribute = getattr(target, name)
        except Exception:
            # A property that cannot be read now, or a name that `dir` only promises: no method.
            continue
        if _is_method(attribute):
            methods[name] = _decorated(attribute)
    return methods


def unknown_method(name: str) -> NameError:
    """Return what is raised where there is no method of that name, as stock has it."""
    error = NameError(name)
    # Its message is the bare name, which reads like a slip in the service. Python 3.11 shows this.
    error.__dict__["__notes__"] = ["(this service has no method of that name)"]
    return error


def shadowed_names(methods: Iterable[str], attributes: Iterable[str]) -> list[str]:
    """The exposed names that are public attributes of the server as well, sorted.

    They are served, but `server.stop` is the server's own while `server("stop")` is the method.
    """
    own = frozenset(attributes)
    return sorted(name for name in methods if name in own and not name.startswith("_"))


def service_name(target: object, name: str | None) -> str:
    """`name`, or what `target` is called, or what its type is called."""
    if name:
        return name
    return introspection.name_of(target)


def builtins(name: str, methods: Mapping[str, DecoratorBase]) -> dict[str, DecoratorBase]:
    """The `_zerorpc_*` methods of a service called `name`; `methods` is read at each call.

    They describe whatever `methods` holds then, hence themselves too once they are put there.
    """
    # Bound methods, and not closures, so that they come with names and docstrings of their own.
    functors = _Builtins(name, methods)
    return {
        "_zerorpc_ping": rep(functors.ping),
        "_zerorpc_name": rep(functors.name),
        "_zerorpc_list": rep(functors.names),
        "_zerorpc_help": rep(functors.doc),
        "_zerorpc_args": rep(functors.argspec),
        "_zerorpc_inspect": rep(functors.description),
    }


class _Builtins:
    """The functors behind `builtins`."""

    def __init__(self, name: str, methods: Mapping[str, DecoratorBase]) -> None:
        self._name = name
        self._methods = methods

    def ping(self) -> list[str]:
        """Answer `['pong', NAME]`: the service is up and has this name."""
        return ["pong", self._name]

    def name(self) -> str:
        """The name of this service."""
        return self._name

    def names(self) -> list[str]:
        """The names of the methods, except those that start with `_`."""
        return [name for name in self._methods if not name.startswith("_")]

    def doc(self, method: str | bytes) -> str | None:
        """The docstring of `method`, or None."""
        return self._methods[_text(method)]._zerorpc_doc()

    def argspec(self, method: str | bytes) -> Any:
        """The arguments of `method`: `[args, varargs, keywords, defaults]`, or None."""
        return self._methods[_text(method)]._zerorpc_args()

    def description(self) -> dict[str, Any]:
        """The name of this service, and of each method its arguments, docstring and kind."""
        # Made anew each time, some 60 us a method: most services are asked once, if ever.
        return {
            "name": self._name,
            "methods": {
                name: method._zerorpc_describe()
                for name, method in self._methods.items()
                if not name.startswith("_")
            },
        }


# By these Python names them in the errors of callers whose arguments do not fit.
_Builtins.doc.__qualname__ = "_zerorpc_help"
_Builtins.argspec.__qualname__ = "_zerorpc_args"


def _text(method: str | bytes) -> str:
    # The native text of Python 2 clients arrives as bytes.
    return method.decode("utf-8") if isinstance(method, bytes) else method


def _decorated(attribute: Any) -> DecoratorBase:
    return attribute if isinstance(attribute, DecoratorBase) else rep(attribute)


def _is_method(attribute: object) -> bool:
    if isinstance(attribute, DecoratorBase):
        attribute = attribute._functor
    return callable(attribute)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a method must be str, not {name!r}")
    return name


def _checked_method(name: object, functor: object) -> DecoratorBase:
    if not _is_method(functor):
        raise TypeError(f"method {name!r} is not callable: {functor!r}")
    return _decorated(functor)
