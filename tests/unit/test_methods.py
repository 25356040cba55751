"""What a server exposes of objects, classes, modules and dicts, and its built-in methods."""

from __future__ import annotations

import functools
import types
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zerorpc.methods import (
    DecoratorBase,
    builtins,
    expose,
    rep,
    service_name,
    shadowed_names,
    stream,
)


class Cooler:
    """A service of every kind of method."""

    setting = 3

    def __init__(self, name: str = "cooler") -> None:
        self.label = name

    def __call__(self) -> str:
        return "called"

    @property
    def broken(self) -> Any:
        raise RuntimeError("not now")

    def add(self, a: int, b: int = 2) -> int:
        """Add two numbers.

        Slowly.
        """
        return a + b

    @stream
    def count(self, n: int) -> Iterator[int]:
        """Count up to n."""
        return iter(range(n))

    @rep
    @classmethod
    def kind(cls) -> str:
        return cls.__name__

    @stream
    @staticmethod
    def pair(a: int) -> tuple[int, int]:
        return a, a

    @staticmethod
    def half(a: float) -> float:
        return a / 2

    def stop(self) -> str:
        return f"{self.label} stopped"

    run = bind = close = connect = disconnect = stop

    def _secret(self) -> None:
        raise AssertionError

    class Nested:
        """A class is a callable too."""


def test_an_objects_public_callables_are_exposed() -> None:
    methods = expose(Cooler())
    assert sorted(methods) == list(methods)
    assert set(methods) == {
        *("Nested", "add", "count", "half", "kind", "pair"),
        *("bind", "close", "connect", "disconnect", "run", "stop"),
    }
    assert type(methods) is dict
    assert methods["add"]._functor(1) == 3
    assert methods["half"]._functor(3) == 1.5
    assert isinstance(methods["Nested"]._functor(), Cooler.Nested)


def test_a_services_own_stop_is_bound_to_it() -> None:
    assert expose(Cooler("blue"))["stop"]._functor() == "blue stopped"


def test_decorated_methods_keep_their_pattern_and_are_bound() -> None:
    methods = expose(Cooler())
    patterns = {name: method.pattern_name for name, method in methods.items()}
    assert {name for name in patterns if patterns[name] == "stream"} == {"count", "pair"}
    assert set(patterns.values()) == {"rep", "stream"}
    assert list(methods["count"]._functor(3)) == [0, 1, 2]
    assert methods["kind"]._functor() == "Cooler"
    assert methods["pair"]._functor(4) == (4, 4)


def test_a_property_that_raises_is_not_fatal() -> None:
    assert "broken" not in expose(Cooler())


def test_hidden_names_are_left_out() -> None:
    assert set(expose(Cooler(), hidden=frozenset(dir(Cooler)) - {"add"})) == {"add"}


def test_a_module_exposes_its_functions() -> None:
    methods = expose(urllib.parse)
    assert methods["quote"]._functor("hello pycon") == "hello%20pycon"
    assert methods["quote"].pattern_name == "rep"


def test_a_class_exposes_plain_functions_and_bound_classmethods() -> None:
    methods = expose(Cooler)
    assert methods["half"]._functor(1) == 0.5
    assert methods["kind"]._functor() == "Cooler"
    assert methods["add"]._functor(Cooler(), 1) == 3


def test_a_dict_is_used_as_it_is_and_not_changed() -> None:
    def private() -> None: ...

    counter = stream(range)
    given: dict[str, Any] = {"_private": private, "count": counter, "Upper": str.upper}
    before = dict(given)
    methods = expose(given, hidden=frozenset({"count"}))
    assert list(methods) == ["_private", "count", "Upper"]
    assert methods["count"] is counter
    assert methods["Upper"].pattern_name == "rep"
    methods["more"] = counter
    assert given == before


@pytest.mark.parametrize("value", [3, None, "text", rep(classmethod(lambda cls: cls))], ids=repr)
def test_a_dict_value_that_cannot_be_called_is_named(value: Any) -> None:
    with pytest.raises(TypeError, match="'wrong' is not callable"):
        expose({"wrong": value})


def test_a_dict_name_must_be_text() -> None:
    with pytest.raises(TypeError, match="must be str, not 3"):
        expose({3: len})


def test_an_object_that_answers_to_every_name_exposes_only_what_it_lists() -> None:
    class Proxy:
        def __getattr__(self, name: str) -> Callable[..., str]:
            return lambda *args: name

        def real(self) -> None: ...

    assert set(expose(Proxy())) == {"real"}
    assert service_name(Proxy(), None) == "Proxy"
    assert rep(Proxy().__getattr__)("x")() == "x"


def test_a_decorator_is_transparent_for_local_use() -> None:
    cooler = Cooler()
    assert list(cooler.count(2)) == [0, 1]
    assert cooler.count.__doc__ == "Count up to n."
    assert cooler.count.__name__ == "count"
    assert repr(cooler.count) == "<stream count>"
    assert Cooler.count is Cooler.__dict__["count"]


def test_the_outer_decorator_decides() -> None:
    assert rep(stream(len)).pattern_name == "rep"
    assert rep(stream(len))._functor is len


def test_what_cannot_be_called_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="3 is not callable"):
        rep(3)


@pytest.mark.parametrize("functor", [len, functools.partial(max, 4), Cooler()])
def test_callables_without_self_stay_as_they_are_on_a_class(functor: Any) -> None:
    class Service:
        method = rep(functor)

    assert expose(Service())["method"]._functor is functor


def test_subclasses_of_a_decorator_survive_binding() -> None:
    class audited(rep):
        """A decorator of somebody's own."""

    class Service:
        @audited
        def method(self) -> int:
            return 1

    assert type(expose(Service())["method"]) is audited


def test_shadowed_names_tell_what_the_server_has_itself() -> None:
    names = expose(Cooler())
    assert shadowed_names(names, ["stop", "bind", "__init__", "_x", "statistics"]) == [
        "bind",
        "stop",
    ]
    assert shadowed_names({"_x": 1}, ["_x"]) == []


@pytest.mark.parametrize(
    ("target", "name", "expected"),
    [
        (Cooler(), None, "Cooler"),
        (Cooler, None, "Cooler"),
        (urllib.parse, None, "urllib.parse"),
        ({"a": len}, None, "dict"),
        (Cooler(), "fridge", "fridge"),
        (Cooler(), "", "Cooler"),
        (functools.partial(len), None, "len"),
        (types.SimpleNamespace(__name__=3), None, "SimpleNamespace"),
    ],
)
def test_the_service_name(target: object, name: str | None, expected: str) -> None:
    assert service_name(target, name) == expected


class TestBuiltins:
    """The `_zerorpc_*` methods."""

    @pytest.fixture
    def methods(self) -> dict[str, DecoratorBase]:
        methods = expose({"zeta": Cooler().add, "_hidden": len, "alpha": Cooler().count})
        methods.update(builtins("fridge", methods))
        return methods

    def test_ping_and_name(self, methods: dict[str, DecoratorBase]) -> None:
        assert methods["_zerorpc_ping"]._functor() == ["pong", "fridge"]
        assert methods["_zerorpc_name"]._functor() == "fridge"
        assert methods["_zerorpc_ping"].pattern_name == "rep"

    def test_list_keeps_the_order_and_hides_underscores(
        self, methods: dict[str, DecoratorBase]
    ) -> None:
        assert methods["_zerorpc_list"]._functor() == ["zeta", "alpha"]

    def test_methods_added_later_are_listed(self, methods: dict[str, DecoratorBase]) -> None:
        methods["late"] = rep(len)
        assert methods["_zerorpc_list"]._functor() == ["zeta", "alpha", "late"]

    @pytest.mark.parametrize("name", ["zeta", b"zeta"])
    def test_help_is_the_cleaned_docstring(
        self, methods: dict[str, DecoratorBase], name: Any
    ) -> None:
        assert methods["_zerorpc_help"]._functor(name) == "Add two numbers.\n\nSlowly."

    def test_help_without_a_docstring_is_none(self, methods: dict[str, DecoratorBase]) -> None:
        methods["mute"] = rep(lambda: None)
        assert methods["_zerorpc_help"]._functor("mute") is None

    def test_builtins_describe_themselves(self, methods: dict[str, DecoratorBase]) -> None:
        assert "up and has this name" in methods["_zerorpc_help"]._functor("_zerorpc_ping")
        assert methods["_zerorpc_args"]._functor("_zerorpc_help")[0] == ["self", "method"]

    @pytest.mark.parametrize("builtin", ["_zerorpc_help", "_zerorpc_args"])
    def test_an_unknown_method_is_a_key_error(
        self, methods: dict[str, DecoratorBase], builtin: str
    ) -> None:
        with pytest.raises(KeyError, match="'nope'"):
            methods[builtin]._functor("nope")

    def test_args_have_the_old_argspec_shape(self, methods: dict[str, DecoratorBase]) -> None:
        assert methods["_zerorpc_args"]._functor("zeta") == [["self", "a", "b"], None, None, [2]]

    def test_inspect_describes_every_public_method(self, methods: dict[str, DecoratorBase]) -> None:
        assert methods["_zerorpc_inspect"]._functor() == {
            "name": "fridge",
            "methods": {
                "zeta": {
                    "args": [{"name": "self"}, {"name": "a"}, {"name": "b", "default": 2}],
                    "doc": "Add two numbers.\n\nSlowly.",
                    "signature": "(self, a: int, b: int = 2) -> int",
                    "stream": False,
                },
                "alpha": {
                    "args": [{"name": "self"}, {"name": "n"}],
                    "doc": "Count up to n.",
                    "signature": "(self, n: int) -> Iterator[int]",
                    "stream": True,
                },
            },
        }


@pytest.mark.parametrize("name", ["_zerorpc_help", "_zerorpc_args"])
def test_a_builtin_is_named_as_its_caller_knows_it(name: str) -> None:
    with pytest.raises(TypeError, match=rf"^{name}\(\) missing"):
        builtins("service", {})[name]()


@pytest.mark.parametrize("value", ["urllib.parse", b"x", 5, True, [len], (len,), {len}])
def test_a_value_is_no_service(value: Any) -> None:
    with pytest.raises(TypeError, match=r" is a \w+; a module, class, object or dict is wanted"):
        expose(value)


@pytest.mark.parametrize("decorator", [rep, stream])
def test_a_decorator_stands_without_parentheses(decorator: Any) -> None:
    with pytest.raises(TypeError, match=r"@zerorpc\.(rep|stream) stands without parentheses"):
        decorator()
