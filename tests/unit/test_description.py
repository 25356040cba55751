"""Answers to `_zerorpc_inspect` of every age and language, read into one form."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerorpc.description import (
    Argument,
    MethodDescription,
    method_from_argspec,
    normalize_inspect,
    render_method,
)
from zerorpc.methods import builtins, expose, stream


class Service:
    """A service."""

    def add(self, a: int, b: int = 3, *, key: int = 1) -> int:
        """Add."""
        return a + b + key

    @stream
    def count(self) -> list[int]:
        return []


def test_our_own_answer() -> None:
    description = normalize_inspect(builtins("me", expose(Service()))["_zerorpc_inspect"]())
    assert description.name == "me"
    assert list(description.methods) == ["add", "count"]
    add = description.methods["add"]
    assert add.arguments == (Argument("self"), Argument("a"), Argument("b", True, 3))
    assert add.doc == "Add."
    assert add.is_stream is False
    assert render_method(add) == "add(a: int, b: int = 3, *, key: int = 1) -> int"
    assert description.methods["count"].is_stream is True
    assert description.methods["count"].doc is None


def test_stocks_map() -> None:
    reply = {
        "name": "S",
        "methods": {
            "add": {
                "args": [{"name": "self"}, {"name": "a"}, {"name": "b", "default": None}],
                "doc": "Doc.",
            },
            "odd": {"args": None, "doc": None},
        },
    }
    methods = normalize_inspect(reply).methods
    assert render_method(methods["add"]) == "add(a, b=None)"
    assert render_method(methods["odd"]) == "odd(...)"
    assert methods["add"].is_stream is None


def test_nodes_map() -> None:
    reply = {"name": "Object", "methods": {"add": {"doc": "", "args": [{"name": "a"}]}}}
    assert normalize_inspect(reply).methods["add"] == MethodDescription("add", (Argument("a"),))


def test_python_2_sends_bytes() -> None:
    reply = {
        b"name": b"S",
        b"methods": {b"f": {b"args": [{b"name": b"a", b"default": b"x"}], b"doc": b"Caf\xc3\xa9"}},
    }
    description = normalize_inspect(reply)
    assert description.name == "S"
    assert description.methods["f"] == MethodDescription("f", (Argument("a", True, b"x"),), "Café")


def test_the_old_list_of_argspecs() -> None:
    reply = {
        b"name": b"S",
        b"methods": [
            [b"f", [[b"self", b"a", b"b"], b"rest", b"kw", [3]], b"Doc."],
            [b"g", [[[b"x", [b"y", b"z"]]], None, None, None], None],
            [b"h", None, None],
        ],
    }
    methods = normalize_inspect(reply).methods
    assert [render_method(method) for method in methods.values()] == [
        "f(a, b=3, *rest, **kw)",
        "g((x, (y, z)))",
        "h(...)",
    ]
    assert methods["f"].doc == "Doc."


def test_the_answers_of_args_and_help() -> None:
    method = method_from_argspec("f", [["self", "a"], None, None, None], "Doc.")
    assert render_method(method) == "f(a)"


@pytest.mark.parametrize(
    ("signature", "rendered"),
    [
        ("(self, a)", "f(a)"),
        ("(self)", "f()"),
        ("(self, /, a)", "f(a)"),
        ("(self, /)", "f()"),
        ("(self: 'S', a)", "f(a)"),
        ("(cls, *, key=1)", "f(*, key=1)"),
        ("(selfish, a)", "f(selfish, a)"),
        ("(a, self)", "f(a, self)"),
        ("()", "f()"),
    ],
)
def test_self_is_not_the_callers_business(signature: str, rendered: str) -> None:
    assert render_method(MethodDescription("f", signature=signature)) == rendered


def deep(levels: int) -> Any:
    item: Any = "a"
    for _ in range(levels):
        item = [item]
    return item


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (None, "the description is not a map but NoneType"),
        ({}, "has no 'methods'"),
        ({"methods": 3}, "'methods' is not a list but int"),
        ({"methods": {}, 3: 4}, "a key of the description is not text but int"),
        ({"methods": {}, "name": 3}, "the service's name is not text"),
        ({"methods": {"f": 3}}, "the description of 'f' is not a map"),
        ({"methods": {3: {}}}, "a method's name is not text"),
        ({"methods": {"f": {"args": 3}}}, "the arguments of 'f' is not a list"),
        ({"methods": {"f": {"args": [3]}}}, "an argument of 'f' is not a map"),
        ({"methods": {"f": {"args": [{}]}}}, "the name of an argument of 'f' is not text"),
        ({"methods": {"f": {"doc": 3}}}, "the doc of 'f' is not text"),
        ({"methods": {"f": {"signature": 3}}}, "the signature of 'f' is not text"),
        ({"methods": [3]}, "an item of 'methods' is not a list"),
        ({"methods": [[1, 2]]}, "has 2 parts instead of 3"),
        ({"methods": [["f", 3, None]]}, "the argspec of 'f' is not a list"),
        ({"methods": [["f", [[]], None]]}, "the argspec of 'f' has 1 parts instead of 4"),
        ({"methods": [["f", [3, None, None, None], None]]}, "the argument names of 'f'"),
        ({"methods": [["f", [[], None, None, 3], None]]}, "the defaults of 'f'"),
        ({"methods": [["f", [[], 3, None, None], None]]}, "the varargs name of 'f'"),
        ({"methods": [["f", [deep(900), None, None, None], None]]}, "an argument of 'f'"),
    ],
)
def test_garbage_is_named(reply: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        normalize_inspect(reply)


leaves = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary() | st.integers(), inner),
)


@given(st.fixed_dictionaries({"methods": anything}) | anything)
def test_any_garbage_is_read_or_refused(reply: object) -> None:
    try:
        description = normalize_inspect(reply)
    except ValueError:
        return
    for method in description.methods.values():
        assert render_method(method).startswith(method.name)
