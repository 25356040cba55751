"""What completion offers at each place of a command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from zerorpc.cli.completion import candidates
from zerorpc.cli.parser import SHELLS
from zerorpc.cli.shells import script

METHODS = [("quote", "Quote it"), ("quote_plus", ""), ("urlparse", "Parse it")]


def offered(line: str, endpoints: list[str] | None = None) -> list[str]:
    """The words offered, noting in `endpoints` which ones were asked for methods."""

    def ask(asked: Sequence[str]) -> Iterable[tuple[str, str]]:
        if endpoints is not None:
            endpoints.extend(asked)
        return METHODS

    return [word for word, _ in candidates(line, ask)]


@pytest.mark.parametrize(
    ("line", "expected", "asked"),
    [
        ("zerorpc-client tcp://a:1 ", ["quote", "quote_plus", "urlparse"], ["tcp://a:1"]),
        ("zerorpc-client tcp://a:1 q", ["quote", "quote_plus"], ["tcp://a:1"]),
        ("zerorpc-client -j --timeout 3 tcp://a:1 url", ["urlparse"], ["tcp://a:1"]),
        ("zerorpc-client tcp://a:1 -? quote_", ["quote_plus"], ["tcp://a:1"]),
        ("zerorpc-client --connect tcp://a:1 --connect=tcp://b:2 u", ["urlparse"], ["tcp://a:1", "tcp://b:2"]),
        ("zerorpc-client tcp://a:1 quote ", [], []),
        ("zerorpc-client tcp://a:1 -- u", ["urlparse"], ["tcp://a:1"]),
        ("zerorpc-client ", [], []),
        ("zerorpc-client tc", [], []),
        ("zerorpc-client tcp://a:1", [], []),
        ("zerorpc-client --bind tcp://a:1 q", [], []),
        ("zerorpc-client --timeout ", [], []),
        ('zerorpc-client tcp://a:1 "q', [], []),
        ("", [], []),
    ],
)  # fmt: skip
def test_methods_are_offered_where_a_method_stands(
    line: str, expected: list[str], asked: list[str]
) -> None:
    endpoints: list[str] = []
    assert offered(line, endpoints) == expected
    assert endpoints == asked


def test_methods_come_with_their_docs() -> None:
    assert candidates("zerorpc-client tcp://a:1 quote", lambda _: METHODS) == METHODS[:2]


def test_options_are_offered_after_a_dash() -> None:
    assert offered("zerorpc-client --co") == ["--completion", "--concurrency", "--connect"]
    assert "--server" in offered("zerorpc-client tcp://a:1 quote -")
    assert offered("zerorpc-client tcp://a:1 quote -- -") == []


def test_shells_are_offered() -> None:
    assert offered("zerorpc-client --completion ") == ["bash", "fish", "zsh"]


def test_modules_are_offered_to_a_server() -> None:
    assert "urllib" in offered("zerorpc-client --server --bind tcp://*:1 url")
    assert "urllib" in offered("zerorpc-client --server tcp://*:1 url")
    assert offered("zerorpc-client --server --bind tcp://*:1 urllib.r") == [
        "urllib.request",
        "urllib.response",
        "urllib.robotparser",
    ]
    assert offered("zerorpc-client --server --bind tcp://*:1 no_such_package.") == []
    assert offered("zerorpc-client --server --bind tcp://*:1 json.decoder.") == []
    assert offered("zerorpc-client --server --bind tcp://*:1 json ") == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_completes_both_commands_by_asking_the_program(shell: str) -> None:
    text = script(shell)
    assert "zerorpc-client" in text
    assert "zerorpc\n" in text or "zerorpc -a" in text
    assert "--complete " in text
