"""Clients take turns, whatever comes and goes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from zerorpc_hub.calls import Call, Client
from zerorpc_hub.statistics import Method
from zerorpc_hub.turns import Turns

METHOD = Method(b"m", 0, is_idempotent=False)
STEPS = st.tuples(st.sampled_from(("add", "add", "pop", "discard")), st.integers(0, 3))


@given(st.lists(STEPS, max_size=80))
def test_turns_are_those_of_a_plain_list(steps: list[tuple[str, int]]) -> None:
    clients = [Client(number, str(number), "in", {}) for number in range(4)]
    turns = Turns()
    order: list[Client] = []  # the model: whose turn it is,
    calls: list[Call] = []  # and all calls in the order in which they came
    for step, number in steps:
        client = clients[number]
        if step == "add":
            call = Call(b"id", client, METHOD, [b"", b"body"], 0.0)
            turns.add(call)
            calls.append(call)
            if client not in order:
                order.append(client)
        elif calls and step == "pop":
            first = order.pop(0)
            expected = next(call for call in calls if call.client is first)
            assert turns.pop() is expected
            calls.remove(expected)
            if any(call.client is first for call in calls):
                order.append(first)
        elif calls:
            call = calls.pop(number % len(calls))
            turns.discard(call)
            if all(each.client is not call.client for each in calls):
                order.remove(call.client)
        counts = Counter(call.client for call in calls)
        assert turns.order == order
        assert [turns.count(each) for each in clients] == [counts[each] for each in clients]
        greediest = turns.greediest()
        if greediest is None:
            assert not calls
        else:
            assert counts[greediest] == max(counts.values())
            assert turns.newest(greediest) is [c for c in calls if c.client is greediest][-1]


def test_turns_go_on_in_the_order_that_is_said() -> None:
    first, second, absent = (Client(name, name, "in", {}) for name in ("1", "2", "3"))
    turns = Turns()
    for client in (first, second):
        turns.add(Call(b"id", client, METHOD, [b"", b"body"], 0.0))
    turns.resume([second, absent, first])
    assert turns.order == [second, first]
