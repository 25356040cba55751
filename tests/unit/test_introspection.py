"""Signatures and docstrings of every kind of callable, as data that MessagePack carries."""

from __future__ import annotations

import builtins
import enum
import functools
import math
import operator
import os
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from zerorpc import introspection
from zerorpc.methods import expose, rep


def plain(a, b=3, *args, **kw):  # type: ignore[no-untyped-def]
    """Take anything."""


def keyword_only(a: int, *, key: str = "x") -> None: ...


def positional_only(a: int, b: int = 1, /, c: int = 2) -> None: ...


def required_keyword(*, key: int) -> None: ...


@functools.wraps(positional_only)
def wrapped(*args: Any) -> None:
    positional_only(*args)


class Service:
    """A service."""

    def __init__(self, size: int = 1) -> None:
        self.size = size

    def __call__(self, x: int) -> int:
        return x

    def method(self, a: int, *, deep: bool = False) -> int:
        return a

    @classmethod
    def of_class(cls, a: int) -> int:
        return a

    @staticmethod
    def static(a: int) -> int:
        return a


@pytest.mark.parametrize(
    ("functor", "args", "text"),
    [
        (plain, [["a", "b"], "args", "kw", [3]], "(a, b=3, *args, **kw)"),
        (keyword_only, [["a"], None, None, None], "(a: int, *, key: str = 'x') -> None"),
        (required_keyword, [[], None, None, None], "(*, key: int) -> None"),
        (
            positional_only,
            [["a", "b", "c"], None, None, [1, 2]],
            "(a: int, b: int = 1, /, c: int = 2) -> None",
        ),
        (
            wrapped,
            [["a", "b", "c"], None, None, [1, 2]],
            "(a: int, b: int = 1, /, c: int = 2) -> None",
        ),
        (
            Service().method,
            [["self", "a"], None, None, None],
            "(self, a: int, *, deep: bool = False) -> int",
        ),
        (Service.of_class, [["cls", "a"], None, None, None], "(cls, a: int) -> int"),
        (Service.static, [["a"], None, None, None], "(a: int) -> int"),
        (Service().static, [["a"], None, None, None], "(a: int) -> int"),
        (Service, [["size"], None, None, [1]], "(size: int = 1) -> None"),
        (Service(), [["x"], None, None, None], "(x: int) -> int"),
        (functools.partial(plain, 1), [["b"], "args", "kw", [3]], "(b=3, *args, **kw)"),
        (
            functools.partial(Service().method, 1),
            [[], None, None, None],
            "(*, deep: bool = False) -> int",
        ),
        (len, [["obj"], None, None, None], "(obj, /)"),
        (operator.add, [["a", "b"], None, None, None], "(a, b, /)"),
        ([].append, [["object"], None, None, None], "(object, /)"),
        (lambda: 1, [[], None, None, None], "()"),
        (
            dict.get,
            [["self", "key", "default"], None, None, [None]],
            "(self, key, default=None, /)",
        ),
    ],
)
def test_signatures(functor: Callable[..., Any], args: list[Any], text: str) -> None:
    assert introspection.argspec_of(functor) == args
    assert rep(functor)._zerorpc_args() == args
    assert introspection.signature_text(functor) == text


class Hostile:
    """Every question about it raises, except what it is."""

    def __call__(self) -> None: ...

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Hostile
        raise OSError(name)


class Catchall:
    """Answers to every name with a callable, as a client does."""

    def __getattr__(self, name: str) -> Callable[..., str]:
        return lambda *args: name

    def __call__(self, *args: Any) -> None: ...


def cyclic() -> None: ...


cyclic.__wrapped__ = cyclic  # type: ignore[attr-defined]


def lying() -> None: ...


lying.__signature__ = "no signature"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "functor", [min, dict, Hostile(), cyclic, lying], ids=lambda f: type(f).__name__
)
def test_what_cannot_be_known_is_none(functor: Any) -> None:
    assert introspection.argspec_of(functor) is None
    assert introspection.arguments_of(functor) is None
    assert introspection.signature_text(functor) is None


def test_names_and_docs_of_odd_callables() -> None:
    assert introspection.name_of(Hostile()) == "Hostile"
    assert introspection.docstring_of(Hostile()) is None
    assert introspection.name_of(Catchall()) == "Catchall"
    assert introspection.name_of(functools.partial(plain, 1)) == "plain"
    assert introspection.docstring_of(functools.partial(plain, 1)) == "Take anything."
    assert introspection.docstring_of(min) == min.__doc__


def test_argument_names_come_with_their_defaults() -> None:
    def method(a: int, b: Any = None, *args: int, c: int = 3, **kw: int) -> None: ...

    assert introspection.arguments_of(method) == [{"name": "a"}, {"name": "b", "default": None}]


def test_a_default_whose_repr_raises_costs_only_the_text() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise OSError

    def method(a: Any = Odd()) -> None: ...  # noqa: B008

    assert introspection.signature_text(method) is None
    ((names, _, _, defaults),) = [introspection.argspec_of(method)]  # type: ignore[misc]
    assert names == ["a"]
    assert "Odd object at" in defaults[0]


class Level(enum.IntEnum):
    """An int that has a name."""

    LOW = 1


recursive: list[Any] = []
recursive.append(recursive)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (2**64 - 1, 2**64 - 1),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (math.inf, math.inf),
        (b"\xff", b"\xff"),
        ("\udc80", "\\udc80"),
        ((1, [2, ()]), [1, [2, []]]),
        ({"a": {1}}, {"a": "{1}"}),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ({2**70: 1}, {str(2**70): 1}),
        (1j, "1j"),
        (len, "<built-in function len>"),
        (Level.LOW, 1),
    ],
    ids=str,
)
def test_defaults_are_carried_or_shown(value: object, expected: object) -> None:
    result = introspection.portable(value)
    assert result == expected
    assert msgpack.unpackb(msgpack.packb(result), strict_map_key=False) == expected


def test_a_list_that_contains_itself_ends() -> None:
    msgpack.packb(introspection.portable(recursive))


def test_surrogates_in_a_docstring_are_escaped() -> None:
    def method() -> None: ...

    method.__doc__ = "half \ud800"
    assert rep(method)._zerorpc_doc() == "half \\ud800"


@pytest.mark.parametrize("module", [builtins, math, os, time, urllib.parse, functools])
def test_whole_modules_can_be_described(module: Any) -> None:
    for method in expose(module).values():
        msgpack.packb(method._zerorpc_describe())


def test_one_odd_method_harms_no_other() -> None:
    class Mixed(Service):
        odd = Hostile()
        catchall = Catchall()
        surrogate = rep(lambda a="\ud800": a)

    described = {name: f._zerorpc_describe() for name, f in expose(Mixed()).items()}
    assert described["method"]["args"] == [{"name": "self"}, {"name": "a"}]
    assert described["odd"]["args"] is None
    assert described["surrogate"]["args"] == [{"name": "a", "default": "\\ud800"}]
    msgpack.packb(described)
