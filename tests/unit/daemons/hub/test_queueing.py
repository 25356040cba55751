"""What waits, for how long, and what its clients hear meanwhile."""

from __future__ import annotations

import pytest
from msgpack import unpackb

from tests.unit.daemons.hub.hubs import Hub, event, request
from zerorpc_hub.policy import Policy, PoolPolicy

PULL = (("default", PoolPolicy(max_inflight=1)),)


def test_calls_wait_for_the_first_worker() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, "early")
    worker = hub.worker()
    assert [name for name, _ in hub.heard(worker)] == ["early"]


def test_workers_pull_in_the_order_of_the_calls() -> None:
    hub = Hub(max_inflight=1)
    client, worker = hub.client(), hub.worker()
    for number in range(3):
        hub.call(client, f"m{number}")
    for number in range(3):
        (opening,) = hub.take(worker)
        assert unpackb(opening[-1])[1] == f"m{number}"
        hub.answer(worker, opening, "OK", [])
    assert len(hub.heard(client)) == 3


def test_a_full_queue_says_so_with_the_numbers() -> None:
    hub = Hub(Policy(queue_max=2))
    client = hub.client()
    for _ in range(3):
        hub.call(client)
    ((_, blob),) = hub.take(client)
    header, _, (kind, message, _) = unpackb(blob)
    assert (kind, header["queued"], header["limit"]) == ("Overloaded", 2, 2)
    assert "2 calls wait" in message


def test_a_queue_is_bounded_in_bytes_too() -> None:
    hub = Hub(Policy(queue_bytes=1000))
    client = hub.client()
    hub.call(client, "m", b"x" * 900)
    waits = hub.broker.switch.pools[0].queue.bytes
    hub.call(client, "m", b"x" * 900)
    ((_, (kind, message, _)),) = hub.heard(client)
    assert kind == "Overloaded"
    text = f"calls of {waits} bytes wait at hub 'hub', at most 1000 may, and one of {waits} has"
    assert text in message


@pytest.mark.parametrize("routing", [[b"x" * 2000, b""], [b"x" * 2000]])
def test_the_bytes_of_envelopes_wait_as_well(routing: list[bytes]) -> None:
    hub = Hub(Policy(queue_bytes=1000))
    client = hub.client()
    hub.from_client(client, [*routing, request("m")[1][-1]])
    assert [args[0] for _, args in hub.heard(client)] == ["Overloaded"]


def test_a_call_that_its_worker_lost_is_told_of_its_deadline_in_time() -> None:
    hub = Hub(Policy(idempotent=("*",)))
    client, worker = hub.client(), hub.worker()
    hub.call(client, deadline_ms=200)
    hub.lose(worker)
    assert hub.broker.deadline <= hub.now + 0.2
    hub.wait(0.2)
    assert [args[0] for _, args in hub.heard(client)] == ["TimeoutExpired"]


def test_a_call_that_its_worker_refused_is_told_of_its_deadline_in_time() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client, deadline_ms=200)
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "ERR", ["Draining", "about to stop", None], draining=True)
    assert hub.broker.deadline <= hub.now + 0.2
    hub.wait(0.2)
    assert [args[0] for _, args in hub.heard(client)] == ["TimeoutExpired"]


def test_what_clients_say_while_they_wait_counts_as_waiting_too() -> None:
    hub = Hub(Policy(queue_bytes=3000))
    client = hub.client()
    call_id = hub.call(client)
    for number in range(10):
        hub.say(client, call_id, "_zpc_more", [b"%d" % number * 400])
    queue = hub.broker.switch.pools[0].queue
    assert 2000 < queue.bytes <= 3000
    assert hub.broker.switch.traffic.dropped["too_much_while_waiting"] == 5
    worker = hub.worker()
    assert len(hub.take(worker)) == 6
    assert queue.bytes == 0


def test_who_waits_too_long_is_told() -> None:
    hub = Hub(Policy(queue_timeout=5))
    client = hub.client()
    hub.call(client)
    hub.wait(4.5)
    assert hub.heard(client) == []
    hub.wait(1)
    ((_, args),) = hub.heard(client)
    assert args[0] == "Overloaded"
    assert not client.calls


def test_a_deadline_that_passes_in_the_queue_is_told_and_the_call_not_sent() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, deadline_ms=400)
    hub.call(client, deadline_ms=60_000)
    assert hub.broker.deadline <= hub.now + 0.4
    hub.wait(0.5)
    assert [args[0] for _, args in hub.heard(client)] == ["TimeoutExpired"]
    worker = hub.worker()
    assert len(hub.heard(worker)) == 1


def test_a_deadline_that_nobody_has_looked_at_yet_holds_too() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, deadline_ms=400)
    hub.now += 0.5
    worker = hub.worker()
    assert hub.heard(worker) == []
    assert [args[0] for _, args in hub.heard(client)] == ["TimeoutExpired"]


def test_the_time_in_the_queue_is_taken_off_the_deadline() -> None:
    hub = Hub()
    client = hub.client()
    hub.call(client, deadline_ms=4000)
    hub.now += 1.5
    ((*_, blob),) = hub.take(hub.worker())
    assert unpackb(blob)[0]["deadline_ms"] == 2500


def test_the_hub_answers_the_heartbeats_of_those_who_wait() -> None:
    hub = Hub()
    client = hub.client()
    call_id = hub.call(client, call_id="node's")
    hub.say(client, call_id, "_zpc_hb", [0])
    ((_, blob),) = hub.take(client)
    header, name, _ = unpackb(blob)
    assert (header["response_to"], name) == ("node's", "_zpc_hb")
    assert [name for name, _ in hub.heard(hub.worker())] == ["m"]


def test_what_was_said_while_waiting_follows_the_call() -> None:
    hub = Hub()
    client = hub.client()
    call_id, opening = request("stream")
    hub.from_client(client, opening, [b"", event(call_id, "_zpc_more", [9])])
    assert [name for name, _ in hub.heard(hub.worker())] == ["stream", "_zpc_more"]


def test_who_floods_while_waiting_fills_no_memory() -> None:
    hub = Hub()
    client = hub.client()
    call_id = hub.call(client)
    for _ in range(200):
        hub.say(client, call_id, "_zpc_more", [1])
    assert len(hub.heard(hub.worker())) < 100
    assert hub.broker.switch.traffic.dropped["too_much_while_waiting"] > 100


def test_a_waiting_call_of_a_client_that_leaves_or_closes_is_forgotten() -> None:
    hub = Hub()
    client, other = hub.client("c1"), hub.client("c2")
    hub.call(client)
    call_id = hub.call(other)
    hub.leave(client)
    hub.say(other, call_id, "_zpc_close", [])
    assert hub.heard(hub.worker()) == []
    assert not hub.broker.switch.ids
    assert hub.broker.switch.pools[0].queue.bytes == 0


def test_a_paused_worker_gets_nothing_new() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.broker.pause(worker)
    hub.call(client)
    assert hub.heard(worker) == []
    hub.deliver(hub.broker.resume(worker, hub.now))
    assert len(hub.heard(worker)) == 1


def test_clients_take_turns() -> None:
    hub = Hub(Policy(pools=PULL))
    greedy, modest, worker = hub.client("c1"), hub.client("c2"), hub.worker()
    for number in range(4):
        hub.call(greedy, f"greedy{number}")
    for number in range(2):
        hub.call(modest, f"modest{number}")
    served = []
    while openings := hub.take(worker):
        served.append(unpackb(openings[0][-1])[1])
        hub.answer(worker, openings[0], "OK", [])
    assert served == ["greedy0", "greedy1", "modest0", "greedy2", "modest1", "greedy3"]


def test_who_fills_the_queue_makes_way_for_others() -> None:
    hub = Hub(Policy(queue_max=4))
    greedy, modest = hub.client("c1"), hub.client("c2")
    for number in range(6):
        hub.call(greedy, f"greedy{number}")
    assert len(hub.take(greedy)) == 2
    for number in range(3):
        hub.call(modest, f"modest{number}")
    # As long as it has less than its share; the newest of the other go.
    told = [args[1] for _, args in hub.heard(greedy)]
    assert [text.rpartition("(")[2] for text in told] == ["greedy3)", "greedy2)"]
    assert [args[0] for _, args in hub.heard(modest)] == ["Overloaded"]
    assert [name for name, _ in hub.heard(hub.worker())] == [
        *("greedy0", "modest0", "greedy1", "modest1"),
    ]
    calls = hub.broker.switch.traffic.calls
    assert (calls.opened, calls.failed) == (6, 2)


def test_a_small_call_makes_no_room_for_a_large_one() -> None:
    hub = Hub(Policy(queue_bytes=5000))
    greedy, modest = hub.client("c1"), hub.client("c2")
    for _ in range(4):
        hub.call(greedy, "small", b"x" * 1000)
    hub.call(modest, "large", b"x" * 3000)
    assert [args[0] for _, args in hub.heard(modest)] == ["Overloaded"]
    assert hub.heard(greedy) == []
