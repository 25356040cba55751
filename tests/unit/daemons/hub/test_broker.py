"""Conversations stay on one worker, both ways, and everyone is told what became of a call."""

from __future__ import annotations

import pytest
from msgpack import packb, unpackb

from tests.unit.daemons.hub.hubs import Hub, event, request
from zerorpc_hub.policy import Policy, PoolPolicy


def test_a_call_and_its_answer_cross_the_hub_untouched() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    _, opening = request("add", 1, 2)
    hub.from_client(client, opening)
    ((token, *sent),) = hub.take(worker)
    assert len(token) == 5
    assert sent == opening
    hub.answer(worker, [token, *sent], "OK", [3])
    ((delimiter, blob),) = hub.take(client)
    assert delimiter == b""
    assert unpackb(blob)[1:] == ["OK", [3]]
    assert not client.calls
    assert not worker.calls


@pytest.mark.parametrize("call_id", [b"i" * 32, "6f1e" * 9, 7, "", b"b" * 255])
def test_later_events_of_every_kind_of_id_reach_the_worker_of_the_call(call_id: object) -> None:
    hub = Hub()
    client, first, second = hub.client(), hub.worker("w1"), hub.worker("w2")
    hub.call(client, "stream", call_id=call_id)
    (opening,) = hub.take(first) or hub.take(second)
    busy, idle = (first, second) if first.calls else (second, first)
    for number in range(5):
        hub.answer(busy, opening, "STREAM", number)
        hub.say(client, call_id, "_zpc_more", [1])
    assert hub.heard(client) == [("STREAM", number) for number in range(5)]
    assert hub.heard(busy) == [("_zpc_more", [1])] * 5
    assert hub.heard(idle) == []


def test_the_envelope_of_another_hub_comes_back() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    _, (_, blob) = request("m")
    hub.from_client(client, [b"hop", b"", blob])
    (opening,) = hub.take(worker)
    assert opening[1:] == [b"hop", b"", blob]
    hub.answer(worker, opening, "OK", [1])
    ((*envelope, _),) = hub.take(client)
    assert envelope == [b"hop", b""]


# As many hops as there may be, each with the longest id that ZeroMQ has.
DEEP = [b"%d" % hop + b"x" * 254 for hop in range(8)]


def test_an_envelope_may_be_as_long_as_any_chain_of_hubs_makes_it() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    for call_id, routing in (b"deep", [*DEEP, b""]), (b"long", [b"x" * (4096 - 2 * 64), b""]):
        hub.from_client(client, [*routing, request("m", call_id=call_id)[1][-1]])
        (opening,) = hub.take(worker)
        assert opening[1:-1] == routing
        # As it was opened: our token is none of it.
        hub.deliver(
            hub.broker.from_worker(worker, [[*opening[:-1], event(call_id, "OK", [1])]], hub.now)
        )
        ((*envelope, _),) = hub.take(client)
        assert envelope == routing
    assert not hub.broker.switch.traffic.dropped


LONG = (
    [b"x" * (4097 - 2 * 64), b""],
    [b"x" * (4097 - 64)],
    [b""] * 65,
    [b"x" * 1000] * 4,
    [b"x" * 100_000],
)


@pytest.mark.parametrize("routing", LONG)
def test_longer_envelopes_than_hubs_make_are_neither_kept_nor_sent(routing: list[bytes]) -> None:
    hub = Hub(Policy(max_hops=10_000))
    client, worker = hub.client(), hub.worker()
    call_id = hub.call(client, "known")
    hub.take(worker)
    for blob in (
        request("known")[1][-1],
        request("new")[1][-1],
        packb([{"v": 3, "message_id": 7}, "known", []]),
        event(call_id, "_zpc_more", [1]),
    ):
        hub.from_client(client, [*routing, blob])
    assert (hub.take(worker), hub.take(client)) == ([], [])
    assert len(client.calls) == 1
    assert hub.broker.switch.traffic.dropped == {"long_envelope": 4}
    assert hub.broker.switch.traffic.from_clients == 5


@pytest.mark.parametrize("routing", LONG)
def test_a_worker_cannot_make_an_envelope_longer(routing: list[bytes]) -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_id = hub.call(client)
    ((token, *_),) = hub.take(worker)
    answer = [token, *routing, event(call_id, "OK", [1])]
    hub.deliver(hub.broker.from_worker(worker, [answer], hub.now))
    assert hub.take(client) == []
    assert hub.broker.switch.traffic.dropped == {"long_envelope": 1}
    hub.answer(worker, [token, b"", request("m", call_id=call_id)[1][-1]], "OK", [2])
    assert hub.heard(client) == [("OK", [2])]


def test_a_message_without_delimiter_gets_one() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    _, (_, blob) = request("m")
    hub.from_client(client, [blob])
    ((_, *sent),) = hub.take(worker)
    assert sent == [b"", blob]


@pytest.mark.parametrize("routing", [[], [b""], [b"id"], [b"hop", b""], [b"hop", b"id"]])
def test_what_the_hub_says_comes_in_the_envelope_of_other_answers(routing: list[bytes]) -> None:
    hub = Hub(max_inflight=1)
    client, worker = hub.client(), hub.worker()
    ids = []
    for _ in range(2):
        call_id, (_, blob) = request("m")
        hub.from_client(client, [*routing, blob])
        ids.append(call_id)
    hub.say(client, ids[1], "_zpc_hb", [0])  # which waits, so the hub answers
    ((*envelope, _, blob),) = hub.take(worker)
    hub.answer(worker, [*envelope, b"", blob], "OK", [1])  # as servers do, whatever was there
    hub.lose(worker)
    hub.broker.is_draining = True
    hub.from_client(client, [*routing, request("m")[1][-1]])
    said = hub.take(client)
    assert [unpackb(frames[-1])[1] for frames in said] == ["_zpc_hb", "OK", "ERR", "ERR"]
    assert [frames[:-1] for frames in said] == 4 * [[*routing[:-1], b""]]


def test_hubs_in_a_circle_are_told() -> None:
    hub = Hub(Policy(max_hops=2))
    client, worker = hub.client(), hub.worker()
    _, (_, blob) = request("m")
    hub.from_client(client, [b"1", b"2", b"3", b"", blob])
    assert hub.take(worker) == []
    ((*envelope, answer),) = hub.take(client)
    assert envelope == [b"1", b"2", b"3", b""]
    assert unpackb(answer)[2][0] == "TooManyHops"


def test_a_ping_that_comes_back_through_a_circle_is_answered_by_the_hub_itself() -> None:
    """It had been passed on once more, and got no answer at all then."""
    hub = Hub()
    client = hub.client()
    hub.mute.add("w")
    worker = hub.worker()
    hub.call(client, "_zerorpc_ping")  # the method is known then
    hub.wait(1)
    others, own = hub.take(worker)
    hub.from_client(client, own[1:])
    (answer,) = hub.heard(client)
    assert answer[1][0] == "TooManyHops"
    assert hub.take(worker) == []
    hub.answer(worker, own, *answer)
    hub.answer(worker, others, "OK", ["pong"])
    hub.wait(1)
    assert not worker.is_busy


def test_an_id_that_another_client_uses_is_refused() -> None:
    hub = Hub()
    first, second, worker = hub.client("c1"), hub.client("c2"), hub.worker()
    hub.call(first, call_id=b"same")
    hub.call(second, call_id=b"same")
    assert len(hub.take(worker)) == 1
    assert hub.heard(second)[0][1][0] == "DuplicateId"
    assert hub.heard(first) == []
    hub.call(first, call_id=b"same")  # its own call goes on
    assert hub.heard(first) == []
    traffic = hub.broker.switch.traffic
    assert (traffic.refused["DuplicateId"], traffic.dropped["duplicate_id"]) == (1, 1)


def test_what_comes_after_the_end_is_dropped_and_counted() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_id = hub.call(client)
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "OK", [1])
    hub.answer(worker, opening, "OK", [1])
    hub.say(client, call_id, "_zpc_hb", [0])
    assert len(hub.heard(client)) == 1
    assert hub.take(worker) == []
    assert hub.broker.switch.traffic.dropped["late"] == 2


def test_a_worker_speaks_only_on_its_own_calls() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    hub.call(client)
    (opening,) = hub.take(first)
    other = hub.worker("w2")
    hub.answer(other, opening, "OK", ["forged"])
    assert hub.heard(client) == []


def test_a_worker_that_calls_answers_no_ping_by_it() -> None:
    hub = Hub(Policy(ping=0.0))
    client, worker = hub.client(), hub.worker()
    hub.call(client, "stream")
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "STREAM", 1, draining=True)
    hub.deliver(hub.broker.from_worker(worker, [request("m")[1]], hub.now))
    assert worker.is_leaving
    assert hub.broker.switch.traffic.dropped == {"unexpected_request": 1}


def test_malformed_events_are_counted_by_reason() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.from_client(client, [b"", b"\xc1"], [b"", packb([1])], [b"", packb([{}, "m", []])])
    hub.from_client(client, [b"", packb([{"message_id": b"x"}, "_zpc_hb", [0]])])
    hub.call(client)
    (opening,) = hub.take(worker)
    hub.deliver(hub.broker.from_worker(worker, [[opening[0], b"", b"\xc1"]], hub.now))
    reasons = hub.broker.switch.traffic.dropped
    assert reasons == {"malformed": 2, "not_an_event": 1, "bad_id": 1, "stray_control": 1}


def test_errors_carry_the_name_of_the_hub_and_the_ids_type() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker("10.0.0.9:1")
    hub.call(client, "users.get", call_id="text")
    hub.lose(worker)
    ((_, blob),) = hub.take(client)
    header, name, (kind, message, trace) = unpackb(blob)
    assert (header["hub"], header["response_to"], name) == ("h", "text", "ERR")
    assert (kind, trace) == ("LostRemote", None)
    assert "10.0.0.9:1" in message
    assert "users.get" in message


def test_a_client_of_version_1_gets_one_text() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.from_client(client, [b"", packb([{"message_id": b"old"}, "m", []])])
    hub.lose(worker)
    ((name, args),) = hub.heard(client)
    assert name == "ERR"
    assert len(args) == 1


def test_calls_go_to_the_pool_of_their_method() -> None:
    pools = ("users", PoolPolicy(methods=("users.*",))), ("rest", PoolPolicy())
    hub = Hub(Policy(pools=pools))
    client = hub.client()
    users, rest = hub.worker("w1", pool="users"), hub.worker("w2", pool="rest")
    hub.call(client, "users.get")
    hub.call(client, "orders.get")
    assert [name for name, _ in hub.heard(users)] == ["users.get"]
    assert [name for name, _ in hub.heard(rest)] == ["orders.get"]


def test_names_without_end_do_not_fill_the_memory() -> None:
    hub = Hub()
    client = hub.client()
    hub.worker()
    for number in range(1500):
        hub.call(client, f"m{number}")
    (methods,) = hub.broker.switch.methods.values()
    assert len(methods) < 1010
    assert sum(each.counters.opened for each in methods.values()) == 1500
    (others,) = (each for each in methods.values() if each.name == "(others)")
    assert others.counters.opened == 500


def test_a_stream_that_its_client_closes_is_over() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_id = hub.call(client, "stream")
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "STREAM", 1)
    hub.say(client, call_id, "_zpc_close", [])
    assert hub.heard(worker) == [("_zpc_close", [])]
    assert worker.load == 0
    hub.take(client)
    hub.answer(worker, opening, "STREAM", 2)
    assert hub.heard(client) == []


def test_the_worker_of_a_client_that_is_gone_is_told_and_may_run_on() -> None:
    hub = Hub(max_inflight=1)
    client, other, worker = hub.client("c1"), hub.client("c2"), hub.worker()
    hub.call(client)
    (opening,) = hub.take(worker)
    hub.leave(client)
    assert hub.heard(worker) == [("_zpc_close", [])]
    hub.call(other, "next")
    assert hub.heard(worker) == []
    hub.answer(worker, opening, "OK", [1])
    assert [name for name, _ in hub.heard(worker)] == ["next"]


def test_a_worker_that_never_learns_of_a_lost_client_is_used_again() -> None:
    hub = Hub(max_inflight=1)
    client, other, worker = hub.client("c1"), hub.client("c2"), hub.worker()
    hub.call(client)
    hub.leave(client)
    hub.take(worker)
    hub.call(other, "next")
    hub.wait(9)
    assert "next" in [name for name, _ in hub.heard(worker)]


def test_beats_of_the_blocked_are_no_answer_to_a_ping_and_events_pass_both_ways() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_id = hub.call(client)
    (opening,) = hub.take(worker)
    hub.say(client, call_id, "_zpc_hb", [0])
    hub.answer(worker, opening, "_zpc_hb", [0])
    assert hub.heard(worker) == [("_zpc_hb", [0])]
    assert hub.heard(client) == [("_zpc_hb", [0])]


def test_unusual_layouts_are_understood() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client, trace_id="c0ffee")
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "OK", [1], trace_id="c0ffee")
    assert hub.heard(client) == [("OK", [1])]
    assert not client.calls


def test_one_batch_may_hold_a_call_and_what_follows_it() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_id, opening = request("stream")
    hub.from_client(client, opening, [b"", event(call_id, "_zpc_more", [99])])
    assert [name for name, _ in hub.heard(worker)] == ["stream", "_zpc_more"]


def test_one_client_may_have_as_many_calls_as_are_left_for_others() -> None:
    hub = Hub(Policy(name="h", calls=12))
    greedy, modest, worker = hub.client("greedy"), hub.client("modest"), hub.worker()
    openings = [request("m")[1] for _ in range(9)]
    hub.from_client(greedy, *openings)
    assert len(hub.heard(worker)) == 6
    refused = [unpackb(frames[-1]) for frames in hub.take(greedy)]
    assert len(refused) == 3
    header, name, args = refused[0]
    assert (name, args[0]) == ("ERR", "Overloaded")
    assert args[1].startswith("6 calls of this client are open at hub 'h', 6 in all; 12 may be")
    assert (header["hub"], header["queued"], header["limit"]) == ("h", 6, 6)
    for _ in range(5):
        hub.call(modest)
    assert len(hub.take(worker)) == 3
    assert [args[0] for _, args in hub.heard(modest)] == ["Overloaded"] * 2
    assert hub.broker.switch.traffic.refused == {"Overloaded": 5}
    hub.leave(greedy)
    hub.take(worker)
    for _ in range(5):
        hub.call(modest)
    assert [name for name, _ in hub.heard(worker)] == ["m"] * 3


def test_a_draining_hub_finishes_what_it_has_and_refuses_the_rest() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client, "before")
    (opening,) = hub.take(worker)
    hub.broker.is_draining = True
    hub.call(client, "after")
    assert [name for name, _ in hub.heard(client)] == ["ERR"]
    assert hub.broker.switch.traffic.refused == {"Draining": 1}
    hub.answer(worker, opening, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]
    assert not hub.take(worker)


def test_a_hub_that_ends_tells_every_caller() -> None:
    hub = Hub(max_inflight=1)
    client = hub.client()
    hub.worker()
    for name in ("running", "waiting"):
        hub.call(client, name)
    hub.deliver(hub.broker.end())
    told = [args[:2] for _, args in hub.heard(client)]
    assert sorted(told) == [
        ["Draining", "hub 'h' has ended (waiting); this call was not started"],
        ["LostRemote", "hub 'h' has ended (running)"],
    ]
    assert not client.calls
    assert not hub.broker.switch.ids
