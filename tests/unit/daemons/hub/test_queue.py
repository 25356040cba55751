"""Calls wait in order and no longer than they may; what is bounded stays bounded."""

from __future__ import annotations

from weakref import WeakSet

from tests.unit.daemons.hub.hubs import Hub
from zerorpc_hub.calls import Call, Client
from zerorpc_hub.policy import Policy
from zerorpc_hub.queue import CallQueue
from zerorpc_hub.statistics import Method

CLIENT = Client("c", "c", "in", {})
METHOD = Method(b"m", 0, is_idempotent=True)


def call(opened: float = 0.0, expires: float | None = None) -> Call:
    made = Call(b"id", CLIENT, METHOD, [b"", b"body"], opened)
    made.expires = expires
    return made


def queue(max_calls: int = 10, max_bytes: int = 1000, timeout: float = 30.0) -> CallQueue:
    return CallQueue(max_calls, max_bytes, timeout)


def test_the_first_to_come_is_the_first_to_go() -> None:
    waiting, calls = queue(), [call(), call(), call()]
    for each in calls:
        waiting.push(each, 1)
    assert list(waiting) == calls
    assert [waiting.pop() for _ in range(4)] == [*calls, None]


def test_who_comes_back_goes_before_who_has_had_no_worker() -> None:
    waiting, new, first, second = queue(), call(), call(), call()
    waiting.push(new, 1)
    waiting.put_back(first, 1, now=5.0)
    waiting.put_back(second, 1, now=6.0)
    assert list(waiting) == [first, second, new]
    assert [waiting.pop() for _ in range(3)] == [first, second, new]


def test_it_is_full_by_number_or_by_bytes() -> None:
    waiting = queue(max_calls=2, max_bytes=100)
    waiting.push(call(), 60)
    assert waiting.has_room(40)
    assert not waiting.has_room(41)
    waiting.put_back(call(), 1, now=0.0)
    assert not waiting.has_room(1)


def test_bytes_follow_what_comes_grows_and_goes() -> None:
    waiting, first, second, third = queue(), call(), call(), call()
    waiting.push(first, 10)
    waiting.push(second, 20)
    waiting.put_back(third, 40, now=0.0)
    waiting.grow(first, 5)
    waiting.grow(third, 7)
    assert waiting.bytes == 82
    waiting.discard(first)
    assert waiting.bytes == 67
    waiting.discard(first)
    assert waiting.bytes == 67
    waiting.pop()
    assert waiting.bytes == 20
    assert len(waiting) == 1


def test_its_deadline_is_that_of_whoever_may_wait_least() -> None:
    assert queue().deadline is None
    waiting = queue(timeout=30.0)
    first = call(opened=1.0)
    waiting.push(first, 1)
    assert waiting.deadline == 31.0
    waiting.push(call(opened=2.0, expires=7.0), 1)
    assert waiting.deadline == 7.0
    waiting.discard(first)
    assert waiting.deadline == 7.0


def test_own_deadlines_are_told_from_waits_that_were_too_long() -> None:
    waiting = queue(timeout=30.0)
    hurried, patient, late = call(opened=0.0, expires=10.0), call(opened=1.0), call(opened=9.0)
    for each in (hurried, patient, late):
        waiting.push(each, 1)
    assert waiting.expired(9.9) == ([], [])
    assert waiting.expired(10.0) == ([hurried], [])
    assert waiting.expired(31.0) == ([], [patient])
    assert list(waiting) == [late]


def test_who_comes_back_may_wait_as_long_as_anybody() -> None:
    waiting = queue(timeout=30.0)
    old, hurried = call(opened=0.0), call(opened=0.0, expires=100.0)
    waiting.put_back(old, 1, now=95.0)
    waiting.put_back(hurried, 1, now=95.0)
    assert waiting.deadline == 100.0
    assert waiting.expired(99.0) == ([], [])
    assert waiting.expired(100.0) == ([hurried], [])
    assert waiting.expired(125.0) == ([], [old])
    assert waiting.bytes == 0


def test_who_comes_back_twice_waits_anew_each_time() -> None:
    waiting, each = queue(timeout=30.0), call(opened=0.0)
    waiting.put_back(each, 1, now=10.0)
    assert waiting.pop() is each
    waiting.put_back(each, 1, now=20.0)
    assert waiting.deadline == 50.0
    assert waiting.expired(49.0) == ([], [])
    assert waiting.expired(50.0) == ([], [each])
    assert waiting.deadline is None


def test_what_is_gone_is_forgotten_before_its_deadline() -> None:
    waiting = queue()
    alive: WeakSet[Call] = WeakSet()
    for number in range(1000):
        made = call(expires=1e6)
        alive.add(made)
        waiting.push(made, 1)
        del made
        if number % 2:
            waiting.pop()
        else:
            waiting.discard(next(iter(waiting)))
    assert len(alive) < 100


def test_a_call_that_ran_long_is_not_overdue_once_its_worker_is_lost() -> None:
    hub = Hub(Policy(idempotent=("*",), queue_timeout=5.0))
    client = hub.client()
    worker = hub.worker("w1")
    hub.call(client)
    hub.wait(60)
    hub.lose(worker)
    hub.wait(4)
    assert hub.heard(client) == []
    second = hub.worker("w2")
    assert len(hub.heard(second)) == 1
