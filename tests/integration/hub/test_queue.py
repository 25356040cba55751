"""Calls through a hub: balanced, kept together, and told what became of them."""

from __future__ import annotations

import signal
import socket

import gevent
import pytest
import zmq
from msgpack import unpackb

import zerorpc
from tests.integration.faults.processes import ClientProcess, ServerProcess
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.hub.conftest import Start, Work
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.running import FAR_AWAY, Dial, Gate, begin, outcome, wait_until


class Busy:
    """Methods that tell who answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended: list[str] = []

    def who(self) -> str:
        return self.name

    def nap(self, seconds: float) -> str:
        gevent.sleep(seconds)
        return self.name

    @zerorpc.stream
    def count(self, number: int) -> object:
        try:
            yield from range(number)
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise


def test_long_calls_and_streams_stay_on_their_worker(start: Start, work: Work, dial: Dial) -> None:
    """What `zmq.proxy` breaks with a second worker: a call of five heartbeat intervals."""
    hub = start()
    for name in "abc":
        work(Busy(name), hub.endpoint("out"), heartbeat=0.3)
    hub.await_workers(3)
    client = dial(hub.endpoint("in"), heartbeat=0.3)
    naps = [begin(client.nap, 1.5) for _ in range(6)]
    streams = [begin(lambda: list(client.count(2000))) for _ in range(6)]
    assert [outcome(each) for each in streams] == [list(range(2000))] * 6
    assert sorted(outcome(each) for each in naps) == ["a", "a", "b", "b", "c", "c"]


def test_a_client_that_connects_where_workers_do_gets_no_calls(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start()
    dial(hub.endpoint("out"))
    assert "it has the socket of a client" in hub.await_event("is it a worker?")["why"]
    work(Busy("w"), hub.endpoint("out"))
    hub.await_workers(2)
    client = dial(hub.endpoint("in"))
    assert [client.who() for _ in range(20)] == ["w"] * 20


def test_a_server_that_connects_where_clients_do_is_told(start: Start, work: Work) -> None:
    hub = start()
    work(Busy("w"), hub.endpoint("in"))
    assert "it has the socket of a server" in hub.await_event("is it a client?")["why"]


def test_calls_that_no_worker_can_take_are_told_once(start: Start, work: Work, dial: Dial) -> None:
    hub = start()
    calls = [begin(dial(hub.endpoint("in")).who) for _ in range(3)]
    assert hub.await_event("calls wait in vain")["pool"] == "default"
    work(Busy("w"), hub.endpoint("out"))
    assert [outcome(call) for call in calls] == ["w"] * 3
    assert len(hub.events("calls wait in vain")) == 1


def test_a_worker_with_the_socket_of_a_client_gets_calls(start: Start, dial: Dial) -> None:
    hub = start()
    with RawPeer(hub.endpoint("out")) as raw:
        call = begin(dial(hub.endpoint("in")).who)
        names = []
        while "who" not in names:
            *envelope, blob = raw.receive_frames()
            header, name, _ = unpackb(blob)
            names.append(name)
            raw.send("OK", ["raw"], response_to=header["message_id"], envelope=envelope[:-1])
        assert outcome(call) == "raw"
        assert names[0] == "_zerorpc_ping"


def test_callers_of_a_killed_worker_are_told_at_once(start: Start, dial: Dial) -> None:
    hub = start()
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    with worker_process(hub) as worker:
        calls = [begin(client.slow, 600) for _ in range(50)]
        wait_until(lambda: hub.statistics()["in_flight"] == 50, "all are running")
        worker.kill()
        for call in calls:
            with pytest.raises(zerorpc.LostRemote, match=r"worker 127\.0\.0\.1:\d+ .*\(slow\)"):
                outcome(call)


def test_a_waiting_call_outlives_the_worker_that_held_it_up(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start(ONE_HUB + "max_inflight: 1\n")
    client = dial(hub.endpoint("in"), heartbeat=0.3)
    with worker_process(hub) as worker:
        running = begin(client.slow, 600)
        wait_until(lambda: hub.statistics()["in_flight"] == 1, "it is running")
        waiting = begin(client.who)
        wait_until(lambda: hub.statistics()["queued"] == 1, "the other waits")
        worker.kill()
        with pytest.raises(zerorpc.LostRemote):
            outcome(running)
    work(Busy("next"), hub.endpoint("out"))
    assert outcome(waiting) == "next"


def test_a_frozen_worker_is_lost_and_a_busy_one_is_not(start: Start, dial: Dial) -> None:
    hub = start(ONE_HUB + "heartbeat: {interval: 0.2, timeout: 0.6}\n")
    client = dial(hub.endpoint("in"), heartbeat=FAR_AWAY)
    with worker_process(hub) as worker:
        assert client.block(1.5) == "blocked"
        call = begin(client.slow, 600)
        wait_until(lambda: hub.statistics()["in_flight"] == 1, "it is running")
        worker.stop()
        with pytest.raises(zerorpc.LostRemote, match=r"does not answer \(slow\)"):
            outcome(call)
        gone = hub.await_event("worker gone")
        assert (gone["level"], gone["hub"], gone["in_flight"]) == ("warning", "hub", 1)
        assert gone["worker"] == hub.await_event("worker connected")["worker"]


def test_a_worker_that_computes_before_a_full_queue_is_not_lost(start: Start) -> None:
    """What libzmq has read for it is all it reads: then nobody answers PINGs either."""
    hub = start(ONE_HUB + "heartbeat: {interval: 0.25, timeout: 0.75}\n")
    count = 1500
    with RawPeer(hub.endpoint("in")) as client, RawPeer(kind=zmq.ROUTER) as worker:
        worker.socket.connect(hub.endpoint("out"))
        hub.await_workers(1)
        for number in range(count):
            client.send("compute", [number])
        _answer_next(worker)
        wait_until(lambda: hub.statistics()["calls"]["answered"] == 1, "one is answered")

        def silence() -> float:
            (row,) = (row for row in hub.ask("/peers")["peers"] if row["side"] == "out")
            return float(row["silent_s"])

        wait_until(lambda: silence() > 2.25, "silent for three timeouts")
        for _ in range(count - 1):
            _answer_next(worker)
        for _ in range(count):
            assert client.receive()[1] == "OK"
        assert hub.statistics()["closed"] == {}


def _answer_next(worker: RawPeer) -> None:
    """Answer the next call that is not the hub's own, and the hub's own before it."""
    while True:
        *envelope, blob = worker.receive_frames()
        header, name, _ = unpackb(blob)
        worker.send("OK", [1], response_to=header["message_id"], envelope=envelope[:-1])
        if name == "compute":
            return


def test_a_hub_that_stood_still_judges_nobody_by_that(start: Start, work: Work, dial: Dial) -> None:
    hub, gate = start(ONE_HUB + "heartbeat: {interval: 0.2, timeout: 0.6}\n"), Gate()
    work(gate, hub.endpoint("out"), heartbeat=FAR_AWAY)
    calls = [begin(dial(hub.endpoint("in"), heartbeat=FAR_AWAY).enter) for _ in range(20)]
    wait_until(lambda: hub.statistics()["in_flight"] == 20, "they are running")
    for _ in range(3):
        hub.signal(signal.SIGSTOP)
        gevent.sleep(1.0)  # longer than the timeout: this is the fault
        hub.signal(signal.SIGCONT)
        assert hub.statistics()["in_flight"] == 20
    gate.open()
    assert [outcome(call) for call in calls] == ["passed"] * 20
    assert hub.statistics()["closed"] == {}


def test_a_client_that_leaves_ends_its_stream_at_the_worker(start: Start, work: Work) -> None:
    hub = start()
    service = Busy("w")
    work(service, hub.endpoint("out"), heartbeat=FAR_AWAY)
    hub.await_workers(1)
    reader = zerorpc.Client(hub.endpoint("in"), heartbeat=FAR_AWAY)
    items = reader.count(10**6)
    assert next(items) == 0
    reader.close()
    wait_until(lambda: service.ended, "the generator ended")
    wait_until(lambda: hub.statistics()["clients"] == 0, "the hub has forgotten them")


def test_more_than_the_queue_holds_is_refused_with_the_numbers(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start(ONE_HUB + "max_inflight: 1\nqueue: {max: 2}\n")
    gate = Gate()
    work({"enter": gate.enter}, hub.endpoint("out"))
    hub.await_workers(1)
    client = dial(hub.endpoint("in"))
    accepted = [begin(client.enter) for _ in range(3)]
    wait_until(lambda: hub.statistics()["in_flight"] == 3, "one runs, two wait")
    with pytest.raises(zerorpc.Overloaded) as caught:
        client.enter()
    assert (caught.value.queued, caught.value.limit) == (2, 2)
    gate.open()
    assert [outcome(each) for each in accepted] == ["passed"] * 3


def test_the_hub_connects_to_workers_that_listen(start: Start, dial: Dial) -> None:
    with ServerProcess() as worker:
        hub = start(f"in: tcp://127.0.0.1:*\nout: {{connect: '{worker.endpoint}'}}\n")
        hub.await_workers(1)
        client = dial(hub.endpoint("in"))
        assert client.echo([1, {"two": b"three"}]) == [1, {"two": b"three"}]


@pytest.mark.parametrize("where", ["ipc://{}/{}.sock", "tcp://[::1]:*"])
def test_other_transports(
    start: Start, work: Work, dial: Dial, where: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("s")
    front, back = where.format(folder, "in"), where.format(folder, "out")
    hub = start(f"in: '{front}'\nout: '{back}'\n")
    work(Busy("w"), hub.endpoint("out"))
    assert dial(hub.endpoint("in")).who() == "w"


def test_strangers_are_refused_and_nobody_else_notices(
    start: Start, work: Work, dial: Dial
) -> None:
    hub = start(ONE_HUB + "limits: {handshake: 0.3}\n")
    work(Busy("w"), hub.endpoint("out"))
    hub.await_workers(1)
    port = int(hub.endpoint("in").rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + b"\1" * 300):
        silent.append(socket.create_connection(("127.0.0.1", port)))
        silent[-1].sendall(said)
    client = dial(hub.endpoint("in"))
    assert client.who() == "w"
    closed = {"http": 1, "tls": 1, "handshake_timeout": 300}
    wait_until(lambda: closed.items() <= hub.statistics()["closed"].items(), "all are counted")
    for each in silent:
        each.close()


def test_a_client_that_takes_nothing_is_hung_up_on(start: Start, work: Work, dial: Dial) -> None:
    hub = start(
        ONE_HUB + "heartbeat: {interval: 0.2, timeout: 0.6}\nlimits: {unsent_bytes: 1MiB}\n"
    )
    gate = Gate()

    def large() -> bytes:
        gate.enter()
        return bytes(32 << 20)  # more than the kernel holds for a connection

    work({"large": large, "who": lambda: "w"}, hub.endpoint("out"))
    hub.await_workers(1)
    with ClientProcess(hub.endpoint("in")) as greedy:
        greedy.tell(do="call", method="large", args=[])
        gate.await_entered()
        greedy.stop()
        gate.open()
        assert dial(hub.endpoint("in")).who() == "w"
        wait_until(lambda: hub.statistics()["closed"].get("slow_reader"), "hung up")


def worker_process(hub: HubProcess) -> ServerProcess:
    """Start a worker of the fault tests' service in a process of its own."""
    worker = ServerProcess(hub.endpoint("out"), connect=1)
    hub.await_workers(1)
    return worker
