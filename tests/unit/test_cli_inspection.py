"""Asking servers of every age, and how a failed call is explained."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from zerorpc.cli.calling import call_and_print
from zerorpc.cli.inspection import ask_method, ask_names, ask_service
from zerorpc.cli.listing import write_method, write_service
from zerorpc.cli.outcome import Mistake
from zerorpc.cli.output import Paper
from zerorpc.description import MethodDescription, ServiceDescription
from zerorpc.errors import RemoteError, TimeoutExpired

Answers = Mapping[str, Callable[..., Any]]


class Remote:
    """A server that answers from a table, like a client to its caller; it notes what is asked."""

    is_connected = True

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self.timeouts: list[float | None] = []

    def __call__(self, method: str, *args: Any, timeout: float | None = None) -> Any:
        self.timeouts.append(timeout)
        answer = self._answers.get(method)
        if answer is None:
            raise RemoteError("NameError", method, f"Traceback\nNameError: {method}")
        return answer(*args)


def fail(name: str) -> Any:
    raise RemoteError(name, "message", None)


def never(*_args: Any) -> Any:
    raise TimeoutExpired(30)


OURS: Answers = {
    "_zerorpc_inspect": lambda: {
        "name": "parse",
        "methods": {
            "quote": {
                "args": [{"name": "string"}, {"name": "safe", "default": "/"}],
                "doc": "quote('abc def') -> 'abc%20def'\n\nmore",
                "signature": "(string, safe='/')",
                "stream": False,
            },
            "count": {"args": [{"name": "n"}], "doc": None, "signature": "(n)", "stream": True},
        },
    }
}
# On Python 3.11 and later.
STOCK: Answers = {
    "_zerorpc_inspect": lambda: fail("AttributeError"),
    "_zerorpc_args": lambda _name: fail("AttributeError"),
    "_zerorpc_name": lambda: "parse",
    "_zerorpc_list": lambda: ["quote", "count"],
    "_zerorpc_help": {"quote": "quote it\nmore", "count": None}.__getitem__,
}
PYTHON_2: Answers = {
    "_zerorpc_name": lambda: b"parse",
    "_zerorpc_list": lambda: [b"quote"],
    "_zerorpc_help": lambda _name: b"quote it",
    "_zerorpc_args": lambda _name: [[b"self", b"s", b"safe"], None, None, [b"/"]],
}
NODE: Answers = {
    "_zerorpc_inspect": lambda: {
        "name": "Object",
        "methods": {"add": {"doc": "", "args": [{"name": "a"}, {"name": "b"}]}},
    },
    "missing": never,
    "add": never,
}


def listed(remote: Remote, *, is_detailed: bool = False, is_json: bool = False) -> list[str]:
    stream = io.StringIO()
    write_service(ask_service(remote), Paper(stream, {}), is_detailed=is_detailed, is_json=is_json)
    return stream.getvalue().splitlines()


def described(remote: Remote, method: str, *, is_json: bool = False) -> str:
    stream = io.StringIO()
    write_method(ask_method(remote, method), Paper(stream, {}), is_json=is_json)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("answers", "names", "signatures"),
    [
        (
            OURS,
            ["[parse]", "quote quote('abc def') -> 'abc%20def'", "count <undocumented>"],
            ["[parse]", "quote(string, safe='/')", "count(n) [stream]"],
        ),
        (
            STOCK,
            ["[parse]", "quote quote it", "count <undocumented>"],
            ["[parse]", "quote(...)", "count(...)"],
        ),
        (PYTHON_2, ["[parse]", "quote quote it"], None),
        (NODE, ["[Object]", "add <undocumented>"], ["[Object]", "add(a, b)"]),
    ],
)
def test_every_kind_of_server_is_listed(
    answers: Answers, names: list[str], signatures: list[str] | None
) -> None:
    assert listed(Remote(answers)) == names
    if signatures is not None:
        assert listed(Remote(answers), is_detailed=True) == signatures


def test_a_method_is_described() -> None:
    assert described(Remote(OURS), "quote") == (
        "quote(string, safe='/')\n\nquote('abc def') -> 'abc%20def'\n\nmore\n"
    )
    assert described(Remote(STOCK), "count") == ('count(...)\n\nNo documentation for "count".\n')


def test_descriptions_as_json() -> None:
    add = '{"signature": "add(a, b)", "doc": null, "stream": null}'
    assert listed(Remote(NODE), is_json=True) == [
        f'{{"name": "Object", "methods": {{"add": {add}}}}}'
    ]
    assert described(Remote(OURS), "count", is_json=True) == (
        '{"signature": "count(n)", "doc": null, "stream": true}\n'
    )


def test_a_docstring_cannot_command_the_terminal() -> None:
    method = MethodDescription("f", doc="\033]0;title\a\n\tsecond")
    stream = io.StringIO()
    write_method(method, Paper(stream, {}), is_json=False)
    write_service(
        ServiceDescription("\033s", {"f": method}),
        Paper(stream, {}),
        is_detailed=False,
        is_json=False,
    )
    assert "\033" not in stream.getvalue()
    assert "\n\tsecond" in stream.getvalue()


@pytest.mark.parametrize("answers", [OURS, STOCK])
def test_a_method_that_is_not_listed_cannot_be_described(answers: Answers) -> None:
    with pytest.raises(Mistake, match='has no method "quot"; did you mean "quote"'):
        ask_method(Remote(answers), "quot")


def test_a_remote_that_tells_nothing_cannot_be_asked() -> None:
    for ask in (ask_service, ask_names, lambda remote: ask_method(remote, "add")):
        with pytest.raises(Mistake, match="neither _zerorpc_inspect nor _zerorpc_list"):
            ask(Remote({"add": never}))
    with pytest.raises(RemoteError, match="NameError: missing"):
        called(Remote({"add": never}), "missing")


def called(remote: Remote, method: str, *args: Any) -> str:
    stream = io.StringIO()
    call_and_print(remote, method, args, Paper(stream, {}), is_json=False)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("answers", "method", "hint"),
    [(OURS, "quot", '; did you mean "quote"?'), (STOCK, "qoute", '"quote"'), (NODE, "missing", "")],
)
def test_a_call_of_an_unknown_method_is_a_mistake(answers: Answers, method: str, hint: str) -> None:
    remote = Remote(answers)
    with pytest.raises(Mistake) as caught:
        called(remote, method)
    assert f'no method "{method}"' in str(caught.value)
    assert hint in str(caught.value)
    # Having waited for the call already, nobody waits long for the explanation.
    assert all(timeout is not None and timeout <= 2 for timeout in remote.timeouts[1:])


def test_a_listed_method_may_fail_with_a_name_error_of_its_own() -> None:
    with pytest.raises(RemoteError):
        called(Remote({**OURS, "quote": lambda: fail("NameError")}), "quote")


def test_a_hidden_method_may_fail_with_a_name_error_of_its_own() -> None:
    with pytest.raises(RemoteError):
        called(Remote({**OURS, "_hidden": lambda: fail("NameError")}), "_hidden")
    with pytest.raises(Mistake):
        called(Remote(OURS), "_hidden")


def test_a_listed_method_may_be_slow() -> None:
    with pytest.raises(TimeoutExpired):
        called(Remote(NODE), "add")


def test_nobody_answers_at_all() -> None:
    remote = Remote({"add": never, "_zerorpc_inspect": never})
    with pytest.raises(TimeoutExpired, match="after 30s"):
        called(remote, "add")


def test_nobody_is_asked_where_nobody_is_there() -> None:
    remote = Remote({"add": never})
    remote.is_connected = False
    with pytest.raises(TimeoutExpired, match="after 30s"):
        called(remote, "add")
    assert len(remote.timeouts) == 1


def test_other_remote_errors_are_left_alone() -> None:
    remote = Remote({**OURS, "quote": lambda: fail("TypeError")})
    with pytest.raises(RemoteError):
        called(remote, "quote")
    assert len(remote.timeouts) == 1


def test_a_stream_is_closed_when_its_reader_goes() -> None:
    closed = []

    def count() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        call_and_print(Remote({"count": count}), "count", [], Paper(Gone(), {}), is_json=False)
    assert closed == [True]
