"""Custom types: what both ends register travels as itself, everywhere a value can stand."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

import msgpack
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, Dial, Keep, Serve, begin, open_calls, wait_until

MOMENT = datetime.datetime(2026, 2, 28, 12, 30, tzinfo=datetime.timezone.utc)
PRICE = decimal.Decimal("19.90")
ID = uuid.UUID(int=1 << 100)


def register(context: zerorpc.Context) -> zerorpc.Context:
    """Register three types, as a user would."""
    context.register_type(
        datetime.datetime,
        1,
        lambda moment: moment.isoformat().encode(),
        lambda data: datetime.datetime.fromisoformat(data.decode()),
    )
    context.register_type(
        decimal.Decimal,
        2,
        lambda number: str(number).encode(),
        lambda d: decimal.Decimal(d.decode()),
    )
    context.register_type(uuid.UUID, 3, lambda id_: id_.bytes, lambda data: uuid.UUID(bytes=data))
    return context


def echo(value: Any) -> Any:
    return value


def fail(*args: Any) -> Any:
    raise LookupError("cannot")


@pytest.mark.parametrize("value", [MOMENT, PRICE, ID, [PRICE, {"at": MOMENT, ID: [PRICE]}]])
def test_a_registered_type_travels_as_itself(
    serve: Serve, dial: Dial, context: zerorpc.Context, value: Any
) -> None:
    register(context)
    client = dial(serve({"echo": echo}, context=context), context=context)
    assert client.echo(value) == value


def test_items_of_streams_and_one_way_messages_too(
    serve: Serve, dial: Dial, keep: Keep, context: zerorpc.Context
) -> None:
    register(context)
    values = [MOMENT, PRICE, ID] * 500
    client = dial(serve({"all": zerorpc.stream(lambda: values)}, context=context), context=context)
    assert list(client.all()) == values
    received: list[Any] = []
    puller = keep(zerorpc.Puller({"note": received.append}, context=context))
    pusher = keep(zerorpc.Pusher(context=context))
    pusher.connect(puller.bind(ANY_PORT))
    begin(puller.run)
    pusher.note(PRICE)
    wait_until(lambda: received, "the message has come")
    assert received == [PRICE]


def test_headers_and_hooks_see_them_too(serve: Serve, dial: Dial, context: zerorpc.Context) -> None:
    seen: list[Any] = []
    register(context).register_middleware(
        {
            "get_task_context": lambda: {"since": MOMENT},
            "load_task_context": lambda header: seen.append(header["since"]),
        }
    )
    client = dial(serve({"echo": echo}, context=context), context=context)
    assert client.echo(PRICE) == PRICE
    assert seen == [MOMENT]


def test_a_subclass_travels_as_its_registered_base(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    class Price(decimal.Decimal):
        pass

    register(context)
    client = dial(serve({"echo": echo}, context=context), context=context)
    assert client.echo(Price("1.50")) == decimal.Decimal("1.50")


def test_what_the_other_end_does_not_know_stays_an_ext_type(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    register(context)
    server = serve({"echo": echo, "kind": lambda value: type(value).__name__})
    client = dial(server, context=context)
    assert client.kind(PRICE) == "ExtType"
    assert client.echo(PRICE) == PRICE  # it goes through unharmed
    assert dial(server).echo(msgpack.ExtType(99, b"data")) == msgpack.ExtType(99, b"data")


def test_what_nobody_registered_cannot_be_sent(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"echo": echo}))
    with pytest.raises(TypeError, match="Decimal"):
        client.echo(PRICE)


def test_an_error_in_packing_is_that_of_its_call(
    serve: Serve, dial: Dial, context: zerorpc.Context
) -> None:
    context.register_type(decimal.Decimal, 2, fail, fail)
    client = dial(serve({"price": lambda: PRICE, "echo": echo}, context=context), context=context)
    with pytest.raises(LookupError, match="cannot"):
        client.echo(PRICE)
    with pytest.raises(zerorpc.RemoteError, match="cannot") as caught:
        client.price()
    assert caught.value.name == "LookupError"
    assert client.echo(1) == 1


@pytest.mark.parametrize("end", ["server", "client"])
def test_an_error_in_unpacking_is_told_to_the_caller(
    serve: Serve, dial: Dial, context: zerorpc.Context, other_context: zerorpc.Context, end: str
) -> None:
    context.register_type(decimal.Decimal, 2, lambda number: str(number).encode(), fail)
    register(other_context)
    ends = {"server": other_context, "client": other_context} | {end: context}
    server = serve({"echo": echo}, context=ends["server"])
    client = dial(server, context=ends["client"])
    with pytest.raises(zerorpc.RemoteError, match="LookupError") as caught:
        client.echo(PRICE)
    assert caught.value.name == "RemoteProtocolError"
    assert client.echo(1) == 1
    assert open_calls(client) == 0
    assert server.statistics()["open_channels"] == 0


def test_codes_are_unique_and_within_their_range(context: zerorpc.Context) -> None:
    register(context)
    register(context)  # the same again is harmless
    for code in (-1, 128):
        with pytest.raises(ValueError, match="not within 0 to 127"):
            context.register_type(set, code, echo, echo)
    with pytest.raises(ValueError, match="in use for datetime"):
        context.register_type(set, 1, echo, echo)
