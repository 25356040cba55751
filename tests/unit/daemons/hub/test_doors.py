"""Which endpoints of a hub are the same door before and after a reload."""

from __future__ import annotations

from zerorpc_hub.config import Hub
from zerorpc_hub.doors import Key, wishes

ANY = "tcp://127.0.0.1:*"


def keys(out: object, **pools: object) -> list[Key]:
    hub = Hub.model_validate({"in": ["tcp://*:1", ANY, ANY], "out": out, "pools": pools})
    return [wish.key for wish in wishes(hub)]


def test_no_two_are_the_same_door() -> None:
    both = keys([ANY, ANY, "tcp://*:2"], p={"out": [ANY, ANY], "methods": "x"})
    assert len(set(both)) == len(both) == 8


def test_a_port_that_the_system_chose_stays_with_its_pool() -> None:
    mine = set(keys("tcp://*:2", p={"out": ANY, "methods": "x"}))
    assert mine < set(keys([ANY, "tcp://*:2"], p={"out": ANY, "methods": "x"}))


def test_what_workers_are_worth_makes_no_other_door() -> None:
    assert keys({"bind": "tcp://*:2", "weight": 3}) == keys({"bind": "tcp://*:2", "backup": True})
    elsewhere = keys(ANY, p={"out": "tcp://*:2", "methods": "x"})
    assert set(keys("tcp://*:2")) < set(elsewhere)
