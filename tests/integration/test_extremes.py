"""Arguments and results at the edge of what makes sense."""

from __future__ import annotations

import math

import gevent
import pytest

import zerorpc
from tests.integration.running import PATIENCE, Dial, Serve

ECHO = {"echo": lambda value: value}


@pytest.mark.parametrize("timeout", [math.inf, 1e30, 1e12])
def test_a_timeout_beyond_all_measure_is_none(serve: Serve, dial: Dial, timeout: float) -> None:
    client = dial(serve(ECHO), timeout=timeout)
    assert client.echo(1) == 1
    assert client.echo(2, timeout=timeout) == 2


def test_a_timeout_that_is_no_number_is_the_callers_mistake(serve: Serve, dial: Dial) -> None:
    client = dial(serve(ECHO))
    with pytest.raises(ValueError, match=r"^timeout=nan"):
        client.echo(1, timeout=math.nan)
    assert client.echo(2) == 2


class Hostile(Exception):
    def __str__(self) -> str:
        raise SystemExit("not even looked at without an end")


def test_an_error_that_ends_whoever_looks_at_it_arrives_all_the_same(
    serve: Serve, dial: Dial
) -> None:
    def fail() -> None:
        raise Hostile

    client = dial(serve({"fail": fail, **ECHO}))
    with pytest.raises(zerorpc.RemoteError) as caught:
        client.fail()
    assert caught.value.name == "Hostile"
    assert client.echo(1) == 1


def test_an_asynchronous_call_ends_whatever_a_hook_raises(
    context: zerorpc.Context, serve: Serve, dial: Dial
) -> None:
    """Also by a gevent.Timeout, which derives from BaseException."""

    def tell(_request: object, _reply: object, _error: object) -> None:
        raise gevent.Timeout(1)

    context.register_middleware({"client_after_request": tell})
    result = dial(serve(ECHO), context=context).echo(1, async_=True)
    with pytest.raises(gevent.Timeout) as caught:
        result.get(timeout=PATIENCE)
    assert caught.value.seconds == 1
