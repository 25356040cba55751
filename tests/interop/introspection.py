"""What a peer can learn of a server: its name, its methods, their arguments and documentation."""

from __future__ import annotations

import inspect

from tests.interop.pairs import Pair

METHODS = [
    "add",
    "block",
    "break_off",
    "count",
    "echo",
    "ended",
    "fail",
    "hello",
    "made",
    "note",
    "notes",
    "nothing",
    "produce",
    "sleep",
    "spin",
    "unsendable",
]
HELLO_DOC = "Greet NAME.\n\nThe second paragraph is for those who ask for all of the documentation."


def python_server_introduces_itself(pair: Pair) -> None:
    """Every builtin of a Python server answers as stock's callers expect."""
    assert pair.call("_zerorpc_ping") == ["pong", "Service"]
    assert pair.call("_zerorpc_name") == "Service"
    assert sorted(pair.call("_zerorpc_list")) == METHODS
    assert pair.call("_zerorpc_help", "hello") == HELLO_DOC
    error = pair.refusal("_zerorpc_help", "no_such_method")
    assert (error.name, error.msg) == ("KeyError", "'no_such_method'")


def server_tells_signatures(pair: Pair) -> None:
    """`_zerorpc_args` and `_zerorpc_inspect` tell arguments and defaults."""
    assert pair.call("_zerorpc_args", "add") == [["self", "a", "b"], None, None, [1]]
    inspected = pair.call("_zerorpc_inspect")
    assert inspected["name"] == "Service"
    assert sorted(inspected["methods"]) == METHODS
    hello, add = inspected["methods"]["hello"], inspected["methods"]["add"]
    assert hello["doc"] == HELLO_DOC
    assert hello["args"] == [{"name": "self"}, {"name": "name"}]
    assert add["args"] == [{"name": "self"}, {"name": "a"}, {"name": "b", "default": 1}]


def stock_server_tells_signatures(pair: Pair) -> None:
    """A stock server does so only on Pythons that still have `inspect.getargspec` (B25)."""
    if hasattr(inspect, "getargspec"):
        server_tells_signatures(pair)
        return
    for error in (pair.refusal("_zerorpc_args", "add"), pair.refusal("_zerorpc_inspect")):
        assert error.name == "AttributeError"
        assert "getargspec" in error.msg


def node_server_introduces_itself(pair: Pair) -> None:
    """A node server has two builtins; the callback is not among the arguments."""
    assert pair.call("_zerorpc_ping") == ["pong", ""]
    inspected = pair.call("_zerorpc_inspect")
    assert inspected["name"] == "Object"
    assert inspected["methods"]["add"] == {"doc": "", "args": [{"name": "a"}, {"name": "b"}]}
