"""The exception tree: what is caught as what, and what each says."""

from __future__ import annotations

import copy
import pickle

import pytest

from zerorpc import errors
from zerorpc.errors import (
    ClosedError,
    EndpointError,
    LocalProtocolError,
    LostRemote,
    Overloaded,
    ProtocolError,
    RemoteError,
    RemoteProtocolError,
    TimeoutExpired,
    UnknownAnswer,
    ZerorpcError,
)

EXAMPLES = [
    LostRemote("Lost remote after 10s heartbeat"),
    TimeoutExpired(3, "calling remote method add"),
    RemoteError("NameError", "nope", "Traceback ..."),
    Overloaded("queue full", 7, 5),
    EndpointError("nothing resolves foo", 22),
    ClosedError("this client was closed"),
    LocalProtocolError("too large"),
    RemoteProtocolError("malformed", "OutOfData"),
    UnknownAnswer("unknown_answer", "WHAT"),
]


def test_all_of_them_are_zerorpc_errors() -> None:
    found = {
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, Exception)
        and each.__module__ == "zerorpc.errors"
    }
    assert found == {type(each) for each in EXAMPLES} | {ZerorpcError, ProtocolError}
    assert all(issubclass(each, ZerorpcError) for each in found)


def test_protocol_errors_are_ours_or_theirs() -> None:
    assert issubclass(LocalProtocolError, ProtocolError)
    assert issubclass(RemoteProtocolError, ProtocolError)


def test_a_timeout_says_what_stocks_says() -> None:
    assert str(TimeoutExpired(3)) == "timeout after 3s"
    told = str(TimeoutExpired(0.5, when="calling remote method add"))
    assert told == "timeout after 0.5s, when calling remote method add"
    assert isinstance(TimeoutExpired(3), TimeoutError)
    assert TimeoutExpired(3).timeout_s == 3


def test_a_remote_error_shows_the_traceback_where_there_is_one() -> None:
    error = RemoteError("NameError", "nope", "Traceback ...")
    assert (error.name, error.msg, error.traceback) == ("NameError", "nope", "Traceback ...")
    assert str(error) == "Traceback ..."
    assert str(RemoteError("NameError", "nope", None)) == "NameError: nope"


def test_an_endpoint_error_is_what_stock_programs_catch() -> None:
    error = EndpointError("nothing resolves foo", 22)
    assert "ZMQError" in {kind.__name__ for kind in type(error).__mro__}
    assert (str(error), error.errno) == ("nothing resolves foo", 22)
    assert EndpointError("x").errno == 0


def test_an_overload_tells_the_numbers_where_they_are_known() -> None:
    error = Overloaded("queue full", 7, 5)
    assert (str(error), error.queued, error.limit) == ("queue full", 7, 5)
    assert Overloaded("queue full").limit is None


def test_a_remote_protocol_error_carries_the_reason_to_count() -> None:
    error = RemoteProtocolError("malformed", "OutOfData")
    assert (error.reason, str(error)) == ("malformed", "malformed: OutOfData")
    assert str(RemoteProtocolError("late")) == "late"


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_can_be_copied_and_sent_to_other_processes(error: ZerorpcError) -> None:
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_fresh_error_is_the_same_without_its_traceback(error: ZerorpcError) -> None:
    try:
        raise error
    except ZerorpcError as caught:
        fresh = caught.fresh()
    assert (type(fresh), str(fresh), fresh.args) == (type(error), str(error), error.args)
    assert vars(fresh) == vars(error)
    assert fresh.__traceback__ is None
