"""What OK, ERR, STREAM and STREAM_DONE mean at both ends, and how exceptions travel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from zerorpc.errors import LostRemote, Overloaded, RemoteError, TimeoutExpired, ZerorpcError
from zerorpc.patterns import (
    BY_ANSWER,
    BY_NAME,
    ReqRep,
    ReqStream,
    describe_exception,
    error_of,
    iter_nothing,
)
from zerorpc.wire import Codec, Event

REP, STREAMING = ReqRep(), ReqStream()


class Answers:
    """Keeps what a pattern sends; the item numbered `fails_at` finds that the caller is gone."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.fails_at = fails_at

    def send(self, name: str, args: Any) -> None:
        if len(self.sent) == self.fails_at:
            raise LostRemote("the caller is gone")
        self.sent.append((name, args))

    def finish(self, name: str, args: Any) -> None:
        self.sent.append(("finish", (name, args)))


def served(pattern: ReqRep | ReqStream, functor: Any, *args: Any) -> list[tuple[str, Any]]:
    answers = Answers()
    pattern.serve(answers, functor, args)
    return answers.sent


def answer(name: str, args: Any, **header: Any) -> Event:
    return Event(header, name, args)


# -- the end that serves ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 0, "x", [1, 2], {"a": 1}, b""])
def test_a_value_is_sent_in_a_list_of_its_own(value: Any) -> None:
    assert served(REP, lambda: value) == [("finish", ("OK", [value]))]


def test_arguments_go_by_position() -> None:
    assert served(REP, lambda a, b: a - b, 5, 3) == [("finish", ("OK", [2]))]


@pytest.mark.parametrize("items", [[], [1], [1, [2], None]])
@pytest.mark.parametrize("make", [list, tuple, iter])
def test_items_are_sent_bare_and_then_the_end(items: list[Any], make: Callable[..., Any]) -> None:
    expected = [*(("STREAM", item) for item in items), ("finish", ("STREAM_DONE", None))]
    assert served(STREAMING, lambda: make(items)) == expected


def test_a_stream_whose_caller_is_gone_runs_its_finally_at_once() -> None:
    ended = []

    def generate() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            ended.append(True)

    answers = Answers(fails_at=2)
    with pytest.raises(LostRemote):
        STREAMING.serve(answers, generate, ())
    assert ended == [True]
    assert answers.sent == [("STREAM", 0), ("STREAM", 1)]


def test_a_stream_that_fails_sends_what_came_before() -> None:
    def generate() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    answers = Answers()
    with pytest.raises(ValueError, match="no more"):
        STREAMING.serve(answers, generate, ())
    assert answers.sent == [("STREAM", 1)]


def test_what_is_not_iterable_is_no_stream() -> None:
    with pytest.raises(TypeError, match="stream, but returned int: it should yield its items"):
        served(STREAMING, lambda: 5)


# -- the end that calls ----------------------------------------------------------------------------


def test_the_first_answer_decides() -> None:
    for name, pattern in BY_ANSWER.items():
        accepting = [each for each in BY_NAME.values() if each.accept_answer(answer(name, None))]
        assert accepting == [pattern]
    assert not any(each.accept_answer(answer("OTHER", None)) for each in BY_NAME.values())


@pytest.mark.parametrize(
    ("args", "value"), [([3], 3), ([3, 4], 3), ([[1, 2]], [1, 2]), ([None], None), ([], None)]
)
def test_the_value_is_the_first_of_an_answer(args: list[Any], value: Any) -> None:
    assert REP.result(answer("OK", args), iter_nothing) == value


def deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(1000):
        nested = [nested]
    return nested


@pytest.mark.parametrize("args", [None, 3, "text", {"a": 1}, b"x"])
def test_an_answer_that_is_no_list_is_an_error(args: Any) -> None:
    with pytest.raises(RemoteError, match="OK with"):
        REP.result(answer("OK", args), iter_nothing)


def test_a_stream_is_the_iterator_over_it() -> None:
    items = iter([1])
    assert STREAMING.result(answer("STREAM", 1), lambda: items) is items
    assert list(iter_nothing()) == []


# -- errors ----------------------------------------------------------------------------------------


def test_an_error_is_raised_as_a_remote_error() -> None:
    with pytest.raises(RemoteError) as caught:
        REP.result(answer("ERR", ["NameError", "nope", "Traceback ..."]), iter_nothing)
    error = caught.value
    assert (error.name, error.msg, error.traceback) == ("NameError", "nope", "Traceback ...")


@pytest.mark.parametrize(
    ("args", "name", "message", "traceback"),
    [
        (["A", "b", None], "A", "b", None),
        (["A", "b"], "A", "b", None),
        (["A", "b", "c", "more"], "A", "b", "c"),
        ([b"A", b"caf\xc3\xa9", b"\xff"], "A", "caf\u00e9", "\ufffd"),
        (["A", 42, 7.5], "A", "42", "7.5"),
        (["A", None, None], "A", "", None),
        ([None, None, None], "", "", None),
        (["NameError('nope')"], "RemoteError", "NameError('nope')", None),
        ("NameError('nope')", "RemoteError", "NameError('nope')", None),
        ([], "RemoteError", "", None),
        (None, "RemoteError", "", None),
        ([None], "RemoteError", "", None),
        ({"a": 1}, "RemoteError", "{'a': 1}", None),
    ],
)
def test_errors_of_every_peer_are_understood(
    args: Any, name: str, message: str, traceback: str | None
) -> None:
    error = error_of(answer("ERR", args))
    assert type(error) is RemoteError
    assert (error.name, error.msg, error.traceback) == (name, message, traceback)


def test_an_error_nested_too_deep_to_be_printed_is_understood() -> None:
    error = error_of(answer("ERR", ["A", deep(), deep()]))
    assert isinstance(error, RemoteError)
    assert error.msg.startswith("[[[[")
    assert type(error_of(answer("ERR", [deep()]))) is RemoteError


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LostRemote", LostRemote),
        ("TimeoutExpired", TimeoutExpired),
        ("Overloaded", Overloaded),
        ("Other", RemoteError),
    ],
)
def test_a_hubs_own_errors_have_their_own_classes(name: str, kind: type[ZerorpcError]) -> None:
    event = answer("ERR", [name, "queue full", None], hub="h1", queued=7, limit=5)
    error = error_of(event)
    assert type(error) is kind
    assert "queue full" in str(error)
    if isinstance(error, Overloaded):
        assert (error.queued, error.limit) == (7, 5)
    del event.header["hub"]
    assert type(error_of(event)) is RemoteError


def test_other_errors_of_a_hub_tell_whose_they_are() -> None:
    refusal = error_of(answer("ERR", ["Draining", "about to end", None], hub="h1"))
    assert (type(refusal), refusal.hub) == (RemoteError, "h1")  # type: ignore[attr-defined]
    assert error_of(answer("ERR", ["Draining", "about to stop", None])).hub is None  # type: ignore[attr-defined]


# -- exceptions on their way out -------------------------------------------------------------------


def raised(error: BaseException) -> BaseException:
    """Return an exception with the traceback of having been raised here."""
    try:
        raise error
    except BaseException as caught:
        return caught


def test_an_exception_is_described_by_name_message_and_traceback() -> None:
    name, message, text = describe_exception(raised(KeyError("gone")))
    assert (name, message) == ("KeyError", "'gone'")
    assert text.startswith("Traceback (most recent call last):\n")
    assert "in raised" in text
    assert text.endswith("KeyError: 'gone'\n")


def test_our_own_frames_say_nothing_and_are_left_out() -> None:
    try:
        REP.serve(Answers(), lambda a: a, ())
    except TypeError as error:
        # the first frame is of this test, which is not ours to hide
        error.__traceback__ = error.__traceback__ and error.__traceback__.tb_next
        text = describe_exception(error)[2]
    else:
        text = ""
    assert text.startswith("Traceback (most recent call last):\n")
    assert "patterns.py" not in text


class Unprintable(Exception):
    def __str__(self) -> str:
        raise ValueError("I have no text")


class Endless(Exception):
    def __str__(self) -> str:
        raise RecursionError  # at the limit itself pytest could not report what it meets


def chained(length: int) -> BaseException:
    error: BaseException = ValueError(0)
    for number in range(length):
        error.__cause__, error = None, ValueError(number, error)
        error.__cause__ = error.args[1]
    return error


def syntax_error(details: Any) -> SyntaxError:
    """Return one as nobody but a program of its own makes them."""
    return SyntaxError("bad", details)


AWKWARD = {
    "lone surrogate": ValueError("\udc80"),
    "unprintable": Unprintable(),
    "endless": Endless(),
    "syntax error without text": syntax_error(("f.py", 1, 1, 5)),
    "syntax error of nonsense": syntax_error(("f.py", "x", "y", b"z")),
    "never raised": ValueError("fresh"),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "long chain": chained(50),
    "deep": ValueError(deep()),
}


@pytest.mark.parametrize("error", AWKWARD.values(), ids=AWKWARD)
def test_every_exception_can_be_told(error: BaseException) -> None:
    codec = Codec()
    for each in (error, raised(error)):
        name, message, text = describe_exception(each)
        assert name
        assert text.startswith("Traceback (most recent call last):\n")
        event = Event({"message_id": b"", "v": 3}, "ERR", [name, message, text])
        assert codec.decode(codec.event(event)) == event
