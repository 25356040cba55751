"""Endpoints taken from the options, and what is said of them."""

from __future__ import annotations

import io

import pytest

from zerorpc.cli.arguments import Options
from zerorpc.cli.connection import attach
from zerorpc.cli.outcome import Mistake
from zerorpc.cli.output import Paper
from zerorpc.errors import EndpointError


class End:
    """Something that can be bound and connected, except to what is not tcp."""

    def bind(self, endpoint: str) -> list[str]:
        return [endpoint.replace("*", "4321").replace("//0:", "//0.0.0.0:")]

    def connect(self, endpoint: str) -> list[str]:
        if not endpoint.startswith("tcp://"):
            raise EndpointError(f"cannot connect to {endpoint}")
        return [endpoint]


def told(options: Options) -> list[str]:
    stream = io.StringIO()
    attach(End(), options, Paper(stream, {}))
    return stream.getvalue().splitlines()


def test_each_endpoint_is_told_as_stock_does() -> None:
    assert told(Options(bind=("tcp://0:1234",), connect=("tcp://a:1", "tcp://b:2"))) == [
        'binding to "tcp://0:1234"',
        'connecting to "tcp://a:1"',
        'connecting to "tcp://b:2"',
    ]


def test_a_port_that_was_chosen_is_told() -> None:
    assert told(Options(bind=("tcp://127.0.0.1:*",))) == [
        'binding to "tcp://127.0.0.1:*"',
        'listening on "tcp://127.0.0.1:4321"',
    ]


@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        ("localhost:1234", 'did you mean "tcp://localhost:1234"?'),
        ("tcp:/localhost:1234", 'did you mean "tcp://localhost:1234"?'),
        ("tcp:localhost:1234", 'did you mean "tcp://localhost:1234"?'),
        ("ipc:/run/foo", 'did you mean "ipc:///run/foo"?'),
        ("quote", "cannot connect to quote"),
        ("udp://localhost:1", "cannot connect to udp://localhost:1"),
    ],
)
def test_a_refused_endpoint_is_a_mistake(endpoint: str, hint: str) -> None:
    with pytest.raises(Mistake) as caught:
        told(Options(connect=(endpoint,)))
    assert str(caught.value).endswith(hint)
