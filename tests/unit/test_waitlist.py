"""Who waits for room is let on in order, one after the other, and never more than there is room."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import gevent
import pytest

from zerorpc.transport.waitlist import Waitlist

PEER, OTHER = b"peer", b"other"


class Room:
    """Places that those who are let on take, for each peer and for all (None)."""

    def __init__(self) -> None:
        self.places: dict[bytes | None, int] = {PEER: 0, OTHER: 0, None: 0}
        self.taken: list[str] = []
        self.asked = 0

    def has_room(self, identity: bytes | None) -> bool:
        self.asked += 1
        return self.places[identity] > 0

    def take(self, name: str, identity: bytes | None = None) -> None:
        self.places[identity] -= 1
        self.taken.append(name)


@pytest.fixture
def room() -> Room:
    return Room()


def join(waitlist: Waitlist, room: Room, *names: str, identity: bytes | None = None) -> None:
    for name in names:
        waitlist.add(partial(room.take, name, identity), identity)


def test_no_more_are_let_on_than_there_is_room_for(room: Room) -> None:
    waitlist = Waitlist()
    join(waitlist, room, *"abcde")
    room.places[None] = 2
    assert not waitlist.let_on(room.has_room)
    assert room.taken == ["a", "b"]
    room.places[None] = 9
    assert not waitlist.let_on(room.has_room)
    assert room.taken == [*"abcde"]
    assert not waitlist


def test_a_thousand_that_wait_are_not_all_asked_for_one_place(room: Room) -> None:
    waitlist = Waitlist()
    join(waitlist, room, *map(str, range(1000)))
    for number in range(1000):
        room.places[None] = 1
        waitlist.let_on(room.has_room)
        assert room.taken[-1] == str(number)
    assert room.asked <= 3 * 1000


def test_a_peer_that_takes_nothing_holds_up_no_other(room: Room) -> None:
    waitlist = Waitlist()
    join(waitlist, room, "a", "b", identity=PEER)
    join(waitlist, room, "c", "d", identity=OTHER)
    room.places[OTHER] = 5
    assert not waitlist.let_on(room.has_room)
    assert room.taken == ["c", "d"]
    assert waitlist
    room.places[PEER] = 1
    waitlist.let_on(room.has_room)
    assert room.taken == ["c", "d", "a"]


def test_who_gives_up_is_passed_over(room: Room) -> None:
    waitlist = Waitlist()
    wakes = [partial(room.take, name) for name in "abc"]
    for wake in wakes:
        waitlist.add(wake, None)
    for _ in range(2):  # the second time it is not there any more
        waitlist.discard(wakes[1], None)
    room.places[None] = 5
    waitlist.let_on(room.has_room)
    waitlist.discard(wakes[0], None)
    assert room.taken == ["a", "c"]


def test_who_waits_again_gets_another_turn_and_keeps_nobody_from_his(room: Room) -> None:
    waitlist = Waitlist()

    def take_and_wait_again() -> None:
        room.taken.append("again")
        waitlist.add(take_and_wait_again, None)

    waitlist.add(take_and_wait_again, None)
    join(waitlist, room, "a")
    room.places[None] = 9
    assert waitlist.let_on(room.has_room), "there is room, and one waits"
    assert room.taken == ["again", "a"]


def test_one_that_fails_is_reported_and_keeps_nobody_from_his_turn(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    waitlist = Waitlist()

    def fail() -> None:
        raise RuntimeError("a mistake")

    waitlist.add(fail, None)
    join(waitlist, room, "a")
    room.places[None] = 1
    waitlist.let_on(room.has_room)
    assert room.taken == ["a"]
    assert "a mistake" in capsys.readouterr().err


def test_greenlets_go_on_in_the_order_in_which_they_came(room: Room) -> None:
    waitlist = Waitlist()

    def wait_and_take(name: str) -> None:
        waitlist.wait()
        room.take(name)

    waiting = [gevent.spawn(wait_and_take, name) for name in "abcd"]
    gevent.idle()
    waiting[1].kill()
    room.places[None] = 2
    in_the_hub(partial(waitlist.let_on, room.has_room))
    assert room.taken == ["a", "c"]
    room.places[None] = 2
    in_the_hub(partial(waitlist.let_on, room.has_room))
    assert room.taken == ["a", "c", "d"]
    gevent.joinall(waiting)
    assert not waitlist


def in_the_hub(functor: Callable[[], object]) -> None:
    gevent.get_hub().loop.run_callback(functor)
    gevent.idle()
