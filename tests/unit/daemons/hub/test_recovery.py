"""Lost, draining and busy workers: what becomes of their calls."""

from __future__ import annotations

import pytest
from msgpack import unpackb

from tests.unit.daemons.hub.hubs import Hub, request
from zerorpc_hub.calls import Client
from zerorpc_hub.policy import Policy


def test_running_calls_of_a_lost_worker_fail_and_others_go_on() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    hub.call(client)
    second = hub.worker("w2")
    hub.call(client)
    hub.lose(first)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    (opening,) = hub.take(second)
    hub.answer(second, opening, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]


def test_calls_whose_bytes_never_left_go_elsewhere_with_what_followed_them() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    hub.call(client, "sent")
    call_id = hub.call(client, "unsent")
    hub.say(client, call_id, "_zpc_more", [9])
    second = hub.worker("w2")
    hub.lose(first, unsent=2)
    assert [name for name, _ in hub.heard(second)] == ["unsent", "_zpc_more"]
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]


def test_what_never_left_goes_elsewhere_however_much_it_is() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    calls = [hub.call(client, f"m{n}", b"x" * (33 << 20), deadline_ms=30_000) for n in range(3)]
    hub.say(client, calls[2], "_zpc_more", [9])
    assert hub.broker.switch.kept.bytes < 34 << 20
    hub.now += 1.5
    second = hub.worker("w2")
    hub.lose(first, unsent=3)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    events = [unpackb(frames[-1]) for frames in hub.take(second)]
    assert [name for _, name, _ in events] == ["m1", "m2", "_zpc_more"]
    assert [len(args[0]) for _, _, args in events[:2]] == [33 << 20] * 2
    assert [header["deadline_ms"] for header, _, _ in events[:2]] == [28_500] * 2


def test_what_has_waited_in_the_queue_and_in_vain_has_so_much_less_time() -> None:
    hub = Hub(max_inflight=2)
    client, first = hub.client(), hub.worker("w1")
    hub.broker.pause(first)
    for number in range(2):
        hub.call(client, f"m{number}", b"x" * (33 << 20), deadline_ms=30_000)
    hub.now += 2
    hub.deliver(hub.broker.resume(first, hub.now))
    hub.now += 3
    second = hub.worker("w2")
    hub.lose(first, unsent=2)
    headers = [unpackb(frames[-1])[0] for frames in hub.take(second)]
    assert [header["deadline_ms"] for header in headers] == [25_000] * 2


def test_idempotent_methods_are_tried_again_within_the_budget() -> None:
    hub = Hub(Policy(idempotent=("get_*",), retry_share=0.0, retry_per_second=2.0))
    client, first = hub.client(), hub.worker("w1")
    for _ in range(5):
        hub.call(client, "get_user")
    second = hub.worker("w2")
    hub.lose(first)
    assert len(hub.heard(second)) == 2
    assert len(hub.heard(client)) == 3
    assert hub.broker.switch.traffic.calls.retried == 2


def test_an_idempotent_call_that_has_begun_to_answer_is_not_tried_again() -> None:
    hub = Hub(Policy(idempotent=("*",)))
    client, first = hub.client(), hub.worker("w1")
    hub.call(client, "stream")
    (opening,) = hub.take(first)
    hub.answer(first, opening, "STREAM", 1)
    second = hub.worker("w2")
    hub.lose(first)
    assert hub.heard(second) == []
    assert [name for name, _ in hub.heard(client)] == ["STREAM", "ERR"]


def test_a_call_that_brings_down_its_workers_is_not_tried_for_ever() -> None:
    hub = Hub(Policy(idempotent=("*",)))
    client = hub.client()
    hub.call(client, "poison")
    for number in range(5):
        hub.lose(hub.worker(f"w{number}"))
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]


def test_large_requests_are_kept_for_another_try_up_to_a_bound() -> None:
    hub = Hub(Policy(idempotent=("*",)))
    client, first = hub.client(), hub.worker("w1")
    for _ in range(2):
        hub.call(client, "store", b"x" * (33 << 20))
    assert 33 << 20 < hub.broker.switch.kept.bytes < 34 << 20
    hub.take(first)
    hub.lose(first)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    assert hub.broker.switch.kept.bytes == 0
    second = hub.worker("w2")
    assert hub.broker.switch.kept.bytes > 33 << 20
    (opening,) = hub.take(second)
    hub.answer(second, opening, "OK", [1])
    assert hub.broker.switch.kept.bytes == 0


@pytest.mark.parametrize("routing", [[b"x" * 3900, b""], [b"x" * 3900]])
@pytest.mark.parametrize("waits", [False, True])
def test_what_is_kept_of_envelopes_is_bounded_too(routing: list[bytes], *, waits: bool) -> None:
    hub = Hub(Policy(idempotent=("*",)))
    hub.broker.switch.kept.most = 10_000
    client = hub.client()
    first = None if waits else hub.worker("w1")
    hub.call(client, "m")
    for _ in range(2):
        hub.from_client(client, [*routing, request("m", b"y" * 3000)[1][-1]])
    first = first or hub.worker("w1")
    assert len(hub.take(first)) == 3
    # Neither envelope nor event is large alone.
    assert 6900 < hub.broker.switch.kept.bytes < 7000
    hub.lose(first)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    assert hub.broker.switch.kept.bytes == 0


@pytest.mark.parametrize("waits", [False, True])
def test_what_clients_say_before_an_answer_is_kept_up_to_the_same_bound(*, waits: bool) -> None:
    hub = Hub(Policy(idempotent=("*",)))
    kept = hub.broker.switch.kept
    kept.most = 100_000
    client = hub.client()
    first = None if waits else hub.worker("w1")
    for _ in range(3):
        call_id = hub.call(client)
        for _ in range(20):
            hub.say(client, call_id, "_zpc_more", b"x" * 2000)
    first = first or hub.worker("w1")
    # The last one is too much: its worker has got everything, but nobody else ever will.
    assert [name for name, _ in hub.heard(first)] == (["m"] + ["_zpc_more"] * 20) * 3
    assert 80_000 < kept.bytes <= 100_000
    second = hub.worker("w2")
    hub.lose(first)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    openings = [frames for frames in hub.take(second) if unpackb(frames[-1])[1] == "m"]
    assert len(openings) == 2
    assert 80_000 < kept.bytes <= 100_000
    for opening in openings:
        hub.answer(second, opening, "OK", [1])
    assert kept.bytes == 0


def test_a_draining_server_sends_its_calls_elsewhere() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    hub.call(client)
    (opening,) = hub.take(first)
    second = hub.worker("w2")
    hub.answer(first, opening, "ERR", ["Draining", "about to stop", None], draining=True)
    assert hub.heard(client) == []
    (opening,) = hub.take(second)
    hub.answer(second, opening, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]
    hub.call(client)
    assert hub.heard(first) == []


def test_the_mark_of_a_draining_server_is_enough() -> None:
    hub = Hub()
    client, first = hub.client(), hub.worker("w1")
    hub.call(client)
    (opening,) = hub.take(first)
    hub.answer(first, opening, "_zpc_hb", [0], draining=True)
    hub.call(client)
    assert hub.heard(first) == []
    hub.answer(first, opening, "OK", [1], draining=True)
    assert [name for name, _ in hub.heard(client)] == ["_zpc_hb", "OK"]


def test_an_operator_drains_a_worker_and_takes_it_back() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client)
    hub.deliver(hub.broker.drain(worker, hub.now))
    hub.call(client)
    assert len(hub.heard(worker)) == 1
    hub.deliver(hub.broker.undrain(worker, hub.now))
    assert len(hub.heard(worker)) == 1


def test_a_server_that_says_so_only_when_asked_gets_no_more_calls() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.mute.add("w")
    hub.wait(1)
    (ping,) = hub.take(worker)
    hub.answer(worker, ping, "ERR", ["Draining", "about to stop", None], draining=True)
    hub.call(client)
    assert hub.heard(worker) == []


def test_an_idle_server_that_drains_says_so_where_it_was_pinged_last() -> None:
    for is_answered in (True, False):
        hub = Hub()
        client, worker = hub.client(), hub.worker()
        hub.mute.add("w")
        hub.wait(1)
        (ping,) = hub.take(worker)
        if is_answered:
            hub.answer(worker, ping, "OK", [["pong", "w"]])
        hub.answer(worker, ping, "_zpc_hb", [0], draining=True)
        hub.call(client)
        assert hub.take(worker) == []


def test_an_error_that_only_mentions_draining_is_passed_on() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client)
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "ERR", ["ValueError", "Draining", None])
    assert hub.heard(client) == [("ERR", ["ValueError", "Draining", None])]


def test_a_method_that_raises_a_class_of_that_name_runs_once() -> None:
    hub = Hub()
    client, first, second = hub.client(), hub.worker("w1"), hub.worker("w2")
    hub.call(client)
    hub.call(client)
    raised = ["Draining", "the bath", None]  # as of a peer that sends no tracebacks
    (opening,) = hub.take(first)
    hub.answer(first, opening, "ERR", raised)
    assert hub.heard(client) == [("ERR", raised)]
    assert not first.is_leaving
    assert len(hub.take(second)) == 1


def test_a_refusal_behind_a_long_header_is_one_too() -> None:
    hub = Hub()
    client, first, second = hub.client(), hub.worker("w1"), hub.worker("w2")
    hub.call(client)
    (worker,) = (each for each in (first, second) if each.calls)
    (opening,) = hub.take(worker)
    hub.answer(worker, opening, "ERR", ["Draining", "", None], draining=True, token="x" * 5000)
    assert len(hub.take(second if worker is first else first)) == 1
    assert worker.is_leaving


def test_a_worker_that_answers_no_ping_is_busy_until_it_does() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client, "long")
    (running,) = hub.take(worker)
    hub.mute.add("w")
    hub.wait(2.5)
    (ping,) = hub.take(worker)
    hub.call(client, "waits")
    assert hub.heard(worker) == []
    hub.answer(worker, ping, "_zpc_hb", [0])  # its own thread beats while it is busy
    assert hub.heard(worker) == []
    hub.answer(worker, ping, "OK", ["pong", "name"])
    assert [name for name, _ in hub.heard(worker)] == ["waits"]
    hub.answer(worker, running, "OK", [1])
    assert hub.heard(client) == [("OK", [1])]
    assert [notice.what for notice in hub.broker.notices] == ["worker_busy", "worker_answers"]


def test_one_that_may_be_no_worker_gets_calls_once_it_has_answered_a_ping() -> None:
    hub = Hub()
    client = hub.client()
    hub.mute.add("w")
    worker = hub.worker(is_doubtful=True)
    (ping,) = hub.take(worker)
    hub.call(client, "waits")
    hub.wait(2.5)
    assert hub.heard(worker) == []
    hub.answer(worker, ping, "OK", ["pong", "name"])
    assert [name for name, _ in hub.heard(worker)] == ["waits"]


def test_nobody_is_judged_after_a_stall_of_the_hub_itself() -> None:
    hub = Hub()
    worker = hub.worker()
    hub.mute.add("w")
    hub.wait(1)
    hub.wait(10, step=10)
    assert not worker.is_busy


def call_with_beats(hub: Hub, client: Client) -> None:
    """Let a client call, and beat every 5 seconds so far."""
    call_id = hub.call(client, "m")
    for _ in range(3):
        hub.now += 5
        hub.say(client, call_id, "_zpc_hb", [0])
    hub.take(client)


def test_no_call_is_given_up_for_a_stall_of_the_hub_itself() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_with_beats(hub, client)
    hub.wait(600, step=600)
    hub.wait(19)
    assert (hub.heard(client), worker.load) == ([], 1)
    hub.wait(3)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]


def test_no_deadline_passes_for_a_worker_while_the_hub_stands_still() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    hub.call(client, "m", deadline_ms=5_000)
    hub.wait(60, step=60)
    assert (hub.heard(client), worker.load) == ([], 1)
    hub.wait(11)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]


def test_a_call_on_which_heartbeats_have_stopped_is_given_up() -> None:
    hub = Hub()
    client, worker = hub.client(), hub.worker()
    call_with_beats(hub, client)
    hub.wait(19)
    assert hub.heard(client) == []
    hub.wait(3)
    assert [args[0] for _, args in hub.heard(client)] == ["LostRemote"]
    assert worker.load == 0


def test_a_call_without_heartbeats_may_take_long() -> None:
    hub = Hub()
    client = hub.client()
    hub.worker()
    hub.call(client)
    hub.wait(3000, step=1)
    assert len(client.calls) == 1
    hub.wait(700, step=1)
    assert not client.calls


def test_a_worker_whose_calls_all_fall_silent_is_ejected_for_a_time() -> None:
    hub = Hub(eject_after=3, eject_time=10.0)
    client, first = hub.client(), hub.worker("w1")
    for _ in range(3):
        hub.call(client, deadline_ms=100)
    second = hub.worker("w2")
    hub.wait(12)
    assert {worker.name for worker in (first, second) if worker.until} == {"w1"}
    hub.take(first), hub.take(second)
    hub.call(client)
    assert first.load == 0
    hub.wait(11)
    assert {worker.name for worker in (first, second) if worker.until} == set()


def test_calls_that_waited_too_long_are_told_how_many_they_were_and_for_whom() -> None:
    hub = Hub(Policy(name="h", queue_timeout=2.0, queue_max=5))
    client = hub.client()
    for _ in range(3):
        hub.call(client)
    hub.wait(3)
    told = hub.take(client)
    assert [unpackb(frames[-1])[0]["queued"] for frames in told] == [3] * 3
    (message,) = {unpackb(frames[-1])[2][1] for frames in told}
    assert message.startswith("m waited 2.")
    where, who = message[len("m waited 2.000s ") :].split("; ")
    assert where == "in the queue of hub 'h', 3 calls of 5 wait"
    assert who == "pool 'default' has no worker that takes calls"
