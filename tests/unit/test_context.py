"""Hooks in their order, custom types, endpoints and ids of a context."""

from __future__ import annotations

import collections
import contextvars
import datetime
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import Any

import pytest

from zerorpc.context import (
    CLIENT_HOOKS,
    HOOKS,
    SERVER_HOOKS,
    Context,
    call_deadline,
    fork_task_context,
    message_ids,
)
from zerorpc.errors import EndpointError
from zerorpc.patterns import BY_NAME
from zerorpc.wire import Codec, Event

EVENT = Event({"message_id": b"x", "v": 3}, "add", [1])
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "resolve_endpoint": ("tcp://a:1",),
    "get_task_context": (),
    "load_task_context": ({"trace_id": "x"},),
    "server_before_exec": (EVENT,),
    "server_after_exec": (EVENT, None),
    "server_inspect_exception": (EVENT, None, {}, [ValueError, ValueError("x"), None]),
    "client_handle_remote_error": (EVENT,),
    "client_before_request": (EVENT,),
    "client_after_request": (EVENT, EVENT, None),
    "client_patterns_list": ([BY_NAME["rep"]],),
}


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    yield made
    made.term()


# -- hooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_runs_all_that_are_registered_in_order(context: Context, hook: str) -> None:
    calls: list[tuple[str, tuple[Any, ...]]] = []

    def note(name: str) -> Any:
        def functor(*args: Any) -> Any:
            calls.append((name, args))
            return {} if hook == "get_task_context" else args[0]

        return functor

    for name in ("first", "second"):
        assert context.register_middleware({hook: note(name)}) == 1
    getattr(context, f"hook_{hook}")(*ARGUMENTS[hook])
    assert calls == [("first", ARGUMENTS[hook]), ("second", ARGUMENTS[hook])]


def test_hooks_that_nobody_registered_change_nothing(context: Context) -> None:
    results = {hook: getattr(context, f"hook_{hook}")(*ARGUMENTS[hook]) for hook in HOOKS}
    given = {"resolve_endpoint": "tcp://a:1", "client_patterns_list": [BY_NAME["rep"]]}
    assert results == {**dict.fromkeys(HOOKS), "get_task_context": {}, **given}


class Tracer:
    """Middleware as stock's users write it: hooks among other things."""

    other = 5

    def get_task_context(self) -> dict[str, Any]:
        return {"trace_id": "t"}

    def client_before_request(self, event: Event) -> None:
        event.header["seen"] = True

    def unknown_hook(self) -> None:
        raise AssertionError


def test_middleware_is_an_object_or_a_dict(context: Context) -> None:
    assert context.register_middleware(object()) == 0
    assert context.register_middleware({"unknown": print}) == 0
    assert context.register_middleware(Tracer()) == 2
    assert (
        context.register_middleware({"server_before_exec": print, "resolve_endpoint": print}) == 2
    )


@pytest.mark.parametrize("hook", HOOKS)
def test_only_hooks_of_a_side_slow_that_side_down(context: Context, hook: str) -> None:
    middleware = context.middleware
    assert (middleware.has_client, middleware.has_server) == (False, False)
    context.register_middleware({hook: print})
    both = hook == "get_task_context"
    assert middleware.has_client is (both or hook in CLIENT_HOOKS)
    assert middleware.has_server is (both or hook in SERVER_HOOKS)


def test_task_contexts_merge_and_the_last_wins(context: Context) -> None:
    for extra in ({"a": 1, "b": 1}, {"b": 2}):
        context.register_middleware({"get_task_context": lambda extra=extra: extra})
    assert context.hook_get_task_context() == {"a": 1, "b": 2}


def test_the_last_exception_that_is_one_replaces_the_remote_error(context: Context) -> None:
    chosen = ValueError("second")
    for answer in (ValueError("first"), chosen, None):
        context.register_middleware({"client_handle_remote_error": lambda _, answer=answer: answer})
    assert context.hook_client_handle_remote_error(EVENT) is chosen


def test_patterns_go_through_every_hook(context: Context) -> None:
    for name in BY_NAME:
        context.register_middleware(
            {"client_patterns_list": lambda found, name=name: [*found, BY_NAME[name]]}
        )
    assert context.hook_client_patterns_list([]) == list(BY_NAME.values())


def test_an_error_in_a_hook_is_the_callers(context: Context) -> None:
    context.register_middleware({"server_before_exec": lambda _: 1 / 0})
    with pytest.raises(ZeroDivisionError):
        context.hook_server_before_exec(EVENT)


# -- endpoints -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("tcp://a:1", ["tcp://a:1"]),
        (["tcp://a:1", "tcp://b:1"], ["tcp://a:1", "tcp://b:1"]),
        ((["tcp://a:1"], ("tcp://b:1", ["tcp://c:1"])), ["tcp://a:1", "tcp://b:1", "tcp://c:1"]),
        ("svc", ["tcp://s1:1", "tcp://s2:1"]),
        (["svc", "tcp://a:1"], ["tcp://s1:1", "tcp://s2:1", "tcp://a:1"]),
        ("all", ["tcp://s1:1", "tcp://s2:1", "tcp://x:1"]),
        ("same", ["same"]),
    ],
)
def test_endpoints_are_resolved_however_they_nest(
    context: Context, endpoint: Any, found: list[str]
) -> None:
    names = {"svc": ("tcp://s1:1", ["tcp://s2:1"]), "all": ["svc", "tcp://x:1"], "same": ["same"]}
    context.register_middleware({"resolve_endpoint": lambda name: names.get(name, name)})
    assert context.resolve(endpoint) == found


def test_resolvers_work_on_what_the_one_before_made(context: Context) -> None:
    context.register_middleware({"resolve_endpoint": lambda name: f"{name}:1"})
    context.register_middleware({"resolve_endpoint": lambda name: f"tcp://{name}"})
    assert context.resolve("a") == ["tcp://a:1"]


@pytest.mark.parametrize("nothing", [[], (), None, [[]]])
def test_what_resolves_to_nothing_is_an_error_that_names_it(context: Context, nothing: Any) -> None:
    context.register_middleware({"resolve_endpoint": lambda _name: nothing})
    with pytest.raises(EndpointError, match="'svc' resolves to no endpoint"):
        context.resolve("svc")


def test_no_endpoint_at_all_is_an_error(context: Context) -> None:
    with pytest.raises(EndpointError):
        context.resolve([])


# -- types -----------------------------------------------------------------------------------------


def register_date(context: Context, code: int) -> None:
    context.register_type(
        datetime.date,
        code,
        lambda value: value.isoformat().encode(),
        lambda data: datetime.date.fromisoformat(data.decode()),
    )


def test_a_registered_type_travels(context: Context) -> None:
    register_date(context, 0)
    codec = Codec(context.types.values())
    day = datetime.date(2012, 3, 9)
    assert codec.decode(codec.event(Event({}, "at", [day]))).args == [day]


def test_a_type_with_two_codes_is_read_under_both(context: Context) -> None:
    day = datetime.date(2012, 3, 9)
    register_date(context, 1)
    old = Codec(context.types.values()).event(Event({}, "at", [day]))
    register_date(context, 2)
    codec = Codec(context.types.values())
    new = codec.event(Event({}, "at", [day]))
    assert old != new
    assert codec.decode(old).args == codec.decode(new).args == [day]


@pytest.mark.parametrize("code", [-1, 128, 1000])
def test_codes_are_within_0_to_127(context: Context, code: int) -> None:
    with pytest.raises(ValueError, match=f"ext code {code} is not within 0 to 127"):
        register_date(context, code)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"type": "x"}, "type='x': should be a class"),
        ({"type": str}, "type=str: travels by itself"),
        ({"type": collections.namedtuple("Point", "x")}, "type=Point: travels by itself"),
        ({"code": True}, "code=True: should be a whole number"),
        ({"code": 7.0}, "code=7.0: should be a whole number"),
        ({"code": "a"}, "code='a': should be a whole number"),
        ({"pack": b"x"}, "pack=b'x': should be a function"),
        ({"unpack": None}, "unpack=None: should be a function"),
    ],
)
def test_what_cannot_be_registered_is_told_by_name(
    context: Context, change: dict[str, Any], told: str
) -> None:
    good: dict[str, Any] = {"type": complex, "code": 7, "pack": repr, "unpack": complex}
    with pytest.raises(TypeError, match=told):
        context.register_type(**{**good, **change})
    assert not context.types


def test_int_may_be_registered_for_what_64_bits_cannot_hold(context: Context) -> None:
    context.register_type(int, 7, lambda number: str(number).encode(), int)
    codec = Codec(context.types.values())
    assert codec.decode(codec.event(Event({}, "at", [1 << 70, 1]))).args == [1 << 70, 1]


def test_a_code_stands_for_one_type(context: Context) -> None:
    register_date(context, 7)
    register_date(context, 7)
    with pytest.raises(ValueError, match="ext code 7 is in use for date"):
        context.register_type(complex, 7, repr, complex)  # type: ignore[arg-type]


def test_contexts_share_neither_types_nor_hooks(context: Context) -> None:
    register_date(context, 7)
    context.register_middleware(Tracer())
    other = Context()
    assert other.types == {}
    assert not other.middleware.has_client
    other.term()


# -- ids -------------------------------------------------------------------------------------------


def test_ids_are_32_hex_digits_that_count(context: Context) -> None:
    made = [context.new_msgid() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(each) == 32 for each in made)
    numbers = [int(each, 16) for each in made]
    assert {after - before for before, after in pairwise(numbers)} == {1 << 96}


def test_the_counter_begins_again_with_other_digits_at_its_end() -> None:
    made = list(islice(message_ids((1 << 32) - 2), 5))
    assert [each[:8] for each in made] == [
        b"fffffffe",
        b"ffffffff",
        b"fffffffe",
        b"ffffffff",
        b"fffffffe",
    ]
    assert len(set(made)) == 5
    assert made[0][8:] == made[1][8:] != made[2][8:]


def test_each_source_of_ids_has_a_start_of_its_own(context: Context) -> None:
    first, second = context.id_source(), context.id_source()
    assert len({first()[8:], second()[8:], context.new_msgid()[8:]}) == 3


# -- task contexts ---------------------------------------------------------------------------------


def test_the_task_context_goes_along_into_another_greenlet(context: Context) -> None:
    loaded: list[Any] = []
    context.register_middleware(
        {"get_task_context": lambda: {"trace_id": "t"}, "load_task_context": loaded.append}
    )

    def handler() -> Any:
        call_deadline.set(12.5)
        return fork_task_context(lambda a, b=0: (a + b, call_deadline.get()), context)

    forked = contextvars.Context().run(handler)
    assert loaded == []
    assert contextvars.Context().run(forked, 1, b=2) == (3, 12.5)
    assert loaded == [{"trace_id": "t"}]


def test_a_forked_functor_leaves_the_deadline_of_where_it_runs(context: Context) -> None:
    forked = fork_task_context(call_deadline.get, context)

    def elsewhere() -> tuple[float | None, float | None]:
        call_deadline.set(7.0)
        return forked(), call_deadline.get()

    assert contextvars.Context().run(elsewhere) == (None, 7.0)
