"""Methods whose values cannot travel: the caller reads which method it is and what helps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

import zerorpc
from tests.integration.running import Dial, Serve

STREAM = "; decorate the method with @zerorpc.stream, or return a list"
NO_ASYNC = "a plain function can wait for anything, as gevent lets others run meanwhile"
REGISTER = "; types of your own can travel by Context.register_type"


class Shop:
    """Returns what MessagePack has no words for."""

    def generator(self) -> Iterator[int]:
        yield 1

    def map(self) -> Any:
        return map(int, "12")

    def range(self) -> Any:
        return range(3)

    async def later(self) -> None:
        raise AssertionError("nobody runs it")

    def date(self) -> Any:
        return {"at": [date(2026, 1, 1)]}

    def object(self) -> Any:
        return object()

    def large(self) -> int:
        return 1 << 70

    def surrogate(self) -> str:
        return "\udcff"

    @zerorpc.stream
    def items(self) -> Iterator[Any]:
        yield 1
        yield object()

    @zerorpc.stream
    def misled(self) -> Iterator[Any]:
        yield 1
        len(5)  # type: ignore[arg-type]  # the mistake


@pytest.fixture(params=[False, True], ids=["plain", "hooked"])
def failure(
    request: pytest.FixtureRequest, serve: Serve, dial: Dial, context: zerorpc.Context
) -> Callable[[str], zerorpc.RemoteError]:
    if request.param:
        context.register_middleware({"server_before_exec": lambda event: None})
    client = dial(serve(Shop(), context=context))

    def call(method: str) -> zerorpc.RemoteError:
        with pytest.raises(zerorpc.RemoteError) as caught:
            list(client(method))
        return caught.value

    return call


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("generator", f"what generator returned cannot travel: {{}} 'generator' object{STREAM}"),
        ("map", f"what map returned cannot travel: {{}} 'map' object{STREAM}"),
        ("range", f"what range returned cannot travel: {{}} 'range' object{STREAM}"),
        ("date", f"what date returned cannot travel: {{}} 'datetime.date' object{REGISTER}"),
        ("later", f"what later returned cannot travel: {{}} 'coroutine' object; {NO_ASYNC}"),
        ("object", f"what object returned cannot travel: {{}} 'object' object{REGISTER}"),
        ("items", f"an item of items cannot travel: {{}} 'object' object{REGISTER}"),
    ],
)
def test_the_method_and_the_remedy_are_named(
    failure: Callable[[str], zerorpc.RemoteError], method: str, told: str
) -> None:
    error = failure(method)
    assert (error.name, error.msg) == ("TypeError", told.format("can not serialize"))
    assert error.traceback == f"Traceback (most recent call last):\nTypeError: {error.msg}\n"


def test_other_values_keep_the_name_of_their_error(
    failure: Callable[[str], zerorpc.RemoteError],
) -> None:
    assert failure("large").name == "OverflowError"
    assert failure("large").msg.startswith("what large returned cannot travel: ")
    assert failure("surrogate").name == "UnicodeEncodeError"
    assert failure("surrogate").msg.endswith("so what surrogate returned cannot travel")


def test_an_error_of_the_method_is_left_alone(
    failure: Callable[[str], zerorpc.RemoteError],
) -> None:
    error = failure("misled")
    assert error.msg == "object of type 'int' has no len()"
    assert "in misled" in str(error.traceback)
