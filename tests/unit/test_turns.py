"""Calls that wait are bounded in bytes, whatever becomes of them."""

from __future__ import annotations

from tests.unit.channels import called
from zerorpc.errors import ClosedError
from zerorpc.step import Request
from zerorpc.turns import Turns
from zerorpc.wire import Event


def request(size: int) -> Request:
    """Return a call of so many bytes."""
    return Request(called(), Event({}, "method", []), None, size)


def test_so_many_bytes_may_wait_and_no_more() -> None:
    turns, first, second = Turns(100), request(60), request(40)
    assert turns.enter(first)
    assert turns.enter(second)
    assert not turns.enter(request(1))
    turns.leave(first)
    assert turns.size_bytes == 40
    assert turns.enter(request(60))


def test_one_may_wait_whatever_its_size() -> None:
    turns, large = Turns(100), request(1000)
    assert turns.enter(large)
    assert not turns.enter(request(1))
    turns.leave(large)
    assert turns.size_bytes == 0


def test_who_did_not_wait_does_not_leave() -> None:
    turns = Turns(100)
    turns.leave(request(10))
    assert turns.size_bytes == 0
    waiting = request(10)
    turns.enter(waiting)
    for _ in range(2):
        turns.leave(waiting)
    assert turns.size_bytes == 0


def test_calls_that_nobody_waits_for_leave_when_they_are_found() -> None:
    turns, wanted, unwanted = Turns(100), request(10), request(20)
    turns.enter(wanted)
    turns.enter(unwanted)
    unwanted.channel.fail(ClosedError("gone"))
    assert turns.is_wanted(wanted)
    assert not turns.is_wanted(unwanted)
    assert turns.size_bytes == 10
