"""Arguments that no one can mean are told by name, where they are given and before anything is."""

from __future__ import annotations

import os
from collections.abc import Callable
from math import inf, nan
from typing import Any

import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Serve, begin, outcome
from zerorpc.transport.watchdog import watchdog

NO_SECONDS: list[Any] = [nan, -1, -inf, "5", True, [5]]
MAKERS: dict[str, Callable[..., Any]] = {
    "client": zerorpc.Client,
    "server": lambda **options: zerorpc.Server({}, **options),
    "pusher": zerorpc.Pusher,
}
ARGUMENTS = [
    ("client", "timeout"),
    ("client", "heartbeat"),
    ("server", "heartbeat"),
    ("server", "grace"),
    ("pusher", "timeout"),
]


@pytest.mark.parametrize("value", NO_SECONDS, ids=repr)
@pytest.mark.parametrize(("maker", "name"), ARGUMENTS)
def test_a_constructor_names_what_is_wrong(maker: str, name: str, value: Any) -> None:
    zerorpc.Client().close()  # the loop and the context of the process, which stay, are open now
    files = len(os.listdir("/proc/self/fd"))
    watched = set(watchdog._watched)
    with pytest.raises((ValueError, TypeError), match=rf"^{name}="):
        MAKERS[maker](**{name: value})
    assert len(os.listdir("/proc/self/fd")) <= files
    assert set(watchdog._watched) <= watched


@pytest.mark.parametrize("value", [0, -1, 1.5, "4", True], ids=repr)
def test_a_pool_has_a_size_or_no_bound(value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"^pool_size="):
        zerorpc.Server({}, pool_size=value)


@pytest.mark.parametrize("value", [nan, "5", True, [5]], ids=repr)
def test_a_call_names_what_is_wrong(serve: Serve, dial: Dial, value: Any) -> None:
    client = dial(serve({"echo": lambda value: value}))
    for name in ("timeout", "slots"):
        with pytest.raises((ValueError, TypeError), match=rf"^{name}="):
            client.echo(1, **{name: value})
    assert client.echo(1) == 1


@pytest.mark.parametrize("value", [inf, 1e300, 10**400, None], ids=lambda value: repr(value)[:9])
def test_a_limit_that_never_comes_is_no_limit(serve: Serve, dial: Dial, value: Any) -> None:
    server = serve({"echo": lambda value: value})
    assert dial(server).echo(1, timeout=value) == 1
    assert dial(server, timeout=value).echo(1) == 1


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, -inf], ids=repr)
def test_time_that_is_over_is_a_timeout_of_the_call(serve: Serve, dial: Dial, value: Any) -> None:
    client = dial(serve({"echo": lambda value: value}))
    with pytest.raises(zerorpc.TimeoutExpired, match=r"timeout after 0"):
        client.echo(1, timeout=value)


@pytest.mark.parametrize("value", [nan, -1, "5", True], ids=repr)
def test_stop_names_what_is_wrong_and_stops_nothing(serve: Serve, dial: Dial, value: Any) -> None:
    server = serve({"echo": lambda value: value})
    with pytest.raises((ValueError, TypeError), match=r"^grace="):
        server.stop(value)
    assert dial(server).echo(1) == 1


@pytest.mark.parametrize("value", [inf, 10**400], ids=lambda value: repr(value)[:9])
def test_patience_without_end_ends_with_the_last_call(dial: Dial, value: Any) -> None:
    server = zerorpc.Server({"echo": lambda value: value}, grace=value)
    try:
        server.bind("tcp://127.0.0.1:*")
        running = begin(server.run)
        assert dial(server).echo(1) == 1
        server.stop(value)
        running.get(timeout=PATIENCE)
    finally:
        server.close()


def test_a_pusher_without_a_limit_waits(keep: Any) -> None:
    for value in (inf, None):
        pusher = keep(zerorpc.Pusher(timeout=value, limits=zerorpc.Limits(backlog_bytes=1000)))
        pusher.connect("tcp://127.0.0.1:1")
        pusher.fill("x" * 2000)
        waiting = begin(pusher.wait)
        assert not waiting.ready()
        pusher.close()
        with pytest.raises(zerorpc.ClosedError):
            outcome(waiting)


LIMITS: list[Any] = [5, (1, 2), zerorpc.Limits(channels="x"), zerorpc.Limits(window=0)]  # type: ignore[arg-type]


@pytest.mark.parametrize("maker", [*MAKERS.values(), zerorpc.Puller, zerorpc.Publisher])
def test_limits_and_context_are_checked_by_all(maker: Callable[..., Any]) -> None:
    for value in LIMITS:
        with pytest.raises((ValueError, TypeError), match=r"^limits"):
            maker(limits=value)
    with pytest.raises(TypeError, match=r"^context=5: should be a zerorpc\.Context"):
        maker(context=5)


FIRST_USES: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    **{
        f"{kind.__name__} binds": (kind, lambda it: it.bind(ANY_PORT))
        for kind in (zerorpc.Server, zerorpc.Client, zerorpc.Puller)
    },
    # What these have not is taken for a remote method, but for their own attributes.
    **{
        f"{kind.__name__} calls": (kind, lambda it: it.note(1))
        for kind in (zerorpc.Client, zerorpc.Pusher, zerorpc.Publisher)
    },
}


@pytest.mark.parametrize("use", FIRST_USES)
def test_a_subclass_that_forgets_its_base_is_told(use: str) -> None:
    kind, begin_with = FIRST_USES[use]
    forgetful = type("Forgetful", (kind,), {"__init__": lambda it: None})
    with pytest.raises(RuntimeError, match=r"^Forgetful.__init__ has to call super"):
        begin_with(forgetful())
