"""Where the time goes: what each step of a call takes by itself, best of many rounds.

One process, one thread, no waiting: so the figures are of the code and not of the machine's mood.
What a step leaves over is the next one's input, as in a real call.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from time import perf_counter, process_time, sleep, thread_time
from typing import Any

import gevent
import zmq

import zerorpc
from benchmarks.hub.script import echo
from benchmarks.plan import Plan
from benchmarks.report import Report
from benchmarks.table import Cell, Table
from zerorpc.channel import Channel
from zerorpc.multiplexer import Multiplexer
from zerorpc.step import Step
from zerorpc.wire import Blob, Codec, Event, Frames
from zerorpc.zmtp import Message, Peer, Session, Snapshot, encode
from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Worker
from zerorpc_hub.policy import Policy
from zerorpc_hub.switch import Send

_CALLS = 100  # at a time, as in P2
_PEER = b"peer."
_ITEMS = 1000
_BACKEND = zmq.backend.Socket

Rules = tuple[tuple[bytes, bytes], ...]


class _Stages:
    """The least time that each step took, by its name, in microseconds for each of `size`."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.best: dict[str, float] = {}

    def time(self, name: str, step: Callable[..., Any], *args: Any) -> Any:
        """Take a step, and note how long it took."""
        began = perf_counter()
        result = step(*args)
        took = (perf_counter() - began) / self._size * 1e6
        self.best[name] = min(took, self.best.get(name, took))
        return result


def run(plan: Plan) -> Report:
    """Take the steps of calls, of streams and of calls through a hub again and again."""
    report = Report("stages", "where the time goes")
    rounds = 3 if plan.is_tiny else 300
    with _no_collections():
        calls, items = _calls(rounds), _items(rounds)
        whole, whole_item = _whole(3 if plan.is_tiny else 60)
        hub = _hub(rounds)
    report.tables += [
        Table(f"us of a call, {_CALLS} in flight, both ends", ["", "us"], _rows(calls, whole)),
        Table(f"us of an item, streams of {_ITEMS}", ["", "us"], _rows(items, whole_item)),
        Table(f"us of a call through a hub, {_CALLS} in flight", ["", "us"], _rows(hub, None)),
    ]
    report.notes.append(
        "the rest of a call is the API, greenlets that wait and their switches; I/O threads are"
        " libzmq's, and run beside the others where there are two cores"
    )
    return report


def _rows(best: dict[str, float], whole: tuple[float, float] | None) -> list[list[Cell]]:
    rows: list[list[Cell]] = [[name, took] for name, took in best.items()]
    steps = sum(best.values())
    if whole is None:
        return [*rows, ["all", steps]]
    loop, others = whole
    return [
        *rows,
        ["the rest", loop - steps],
        ["all of the loop's thread", loop],
        ["libzmq's I/O threads", others],
    ]


@contextmanager
def _no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


# -- the library ---------------------------------------------------------------------------------


def _ends() -> tuple[Multiplexer, Multiplexer]:
    numbers = count()

    def new_id() -> bytes:
        return b"%032d" % next(numbers)

    client = Multiplexer(Codec(), new_id, is_server=False, interval=5.0)
    return client, Multiplexer(Codec(), new_id, is_server=True, interval=5.0)


def _calls(rounds: int) -> dict[str, float]:
    """Take calls from one multiplexer to another and back, through a real connection."""
    stages, (client, server) = _Stages(_CALLS), _ends()
    with _connected() as (dealer, router):
        for _ in range(rounds):
            sent = stages.time("client: event, channel", _open, client)
            stages.time("client: send to ZeroMQ", _send, dealer, sent)
            _arrive()
            heard = stages.time("server: receive from ZeroMQ", _receive, router, 3)
            step = stages.time("server: event, channel", server.receive, heard, 1.0)
            answers = stages.time("server: answer", _answer, server, step)
            stages.time("server: send to ZeroMQ", _send, router, answers)
            _arrive()
            heard = stages.time("client: receive from ZeroMQ", _receive, dealer, 2)
            step = stages.time("client: answer", client.receive, heard, 1.0)
            assert [each.take().args for each in step.woken] == [["hello"]] * _CALLS
    return stages.best


def _open(client: Multiplexer) -> list[Frames]:
    opened = [client.open("echo", ["hello"], 1.0, 30.0) for _ in range(_CALLS)]
    for channel, _ in opened:
        channel.is_sent = True
    return [frames for _, frames in opened]


def _answer(server: Multiplexer, step: Step) -> list[Frames]:
    return [server.send(each.channel, "OK", ["hello"]) for each in step.opened]


def _items(rounds: int) -> dict[str, float]:
    """Take the items of a stream from one multiplexer to another."""
    stages, (client, server) = _Stages(_CALLS), _ends()
    reader, opening = client.open("items", [], 1.0)
    reader.is_sent = True
    (request,) = server.receive([[_PEER, *opening]], 1.0).opened
    writer = request.channel
    with _connected() as (dealer, router):
        for _ in range(rounds):
            writer.credit = reader.promised = 10 * _CALLS  # a grant comes once in hundreds of items
            sent = stages.time("server: event", _stream, server, writer)
            stages.time("server: send to ZeroMQ", _send, router, sent)
            _arrive()
            heard = stages.time("client: receive from ZeroMQ", _receive, dealer, 2)
            stages.time("client: event", client.receive, heard, 1.0)
            taken = stages.time("client: take", _take, reader)
            assert [event.args for event in taken if event] == list(range(_CALLS))
    return stages.best


def _stream(server: Multiplexer, writer: Channel) -> list[Frames]:
    return [server.send(writer, "STREAM", item) for item in range(_CALLS)]


def _take(reader: Channel) -> list[Event | None]:
    return [reader.take() for _ in range(_CALLS)]


@contextmanager
def _connected() -> Iterator[tuple[Any, Any]]:
    """Connect a DEALER to a ROUTER that knows it as `_PEER`."""
    context: zmq.Context[Any] = zmq.Context()
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    try:
        dealer.setsockopt(zmq.IDENTITY, _PEER)
        dealer.connect(f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}")
        dealer.send_multipart([b"", b"hello"])
        router.recv_multipart()
        yield dealer, router
    finally:
        context.destroy(linger=0)


def _arrive() -> None:
    """Let libzmq's threads bring over what was sent: a receiver that waits would time them."""
    sleep(0.001)


def _send(socket: Any, messages: list[Frames]) -> None:
    # As the pump does, which calls what is below pyzmq's methods.
    send = _BACKEND.send.__get__(socket)
    for *frames, last in messages:
        for frame in frames:
            send(frame, zmq.SNDMORE)
        send(last, zmq.NOBLOCK)


def _receive(socket: Any, frames: int) -> list[list[Blob]]:
    receive = _BACKEND.recv.__get__(socket)
    return [[receive(0) for _ in range(frames)] for _ in range(_CALLS)]


class _Service:
    def echo(self, text: str) -> str:
        """Return what it is given."""
        return text

    @zerorpc.stream
    def items(self, number: int) -> Iterator[int]:
        """Count."""
        return iter(range(number))


def _whole(rounds: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Call and stream with both ends in this process; what a call and an item cost the threads."""
    server = zerorpc.Server(_Service())
    server.bind("tcp://127.0.0.1:*")
    running = gevent.spawn(server.run)
    calls = items = (float("inf"), float("inf"))
    with zerorpc.Client(server.endpoints[0]) as client:

        def call() -> None:
            for _ in range(10):
                client.echo("hello")

        for _ in range(rounds):
            calls = min(calls, _cost(lambda: _joined(call), 10 * _CALLS))
            items = min(items, _cost(lambda: list(client.items(_ITEMS)), _ITEMS))
    server.close()
    running.get()
    return calls, items


def _joined(call: Callable[[], None]) -> None:
    gevent.joinall([gevent.spawn(call) for _ in range(_CALLS)], raise_error=True)


def _cost(work: Callable[[], object], size: int) -> tuple[float, float]:
    """Return the microseconds for each that this thread was busy, and those of all others."""
    thread, process = thread_time(), process_time()
    work()
    thread, process = thread_time() - thread, process_time() - process
    return thread / size * 1e6, (process - thread) / size * 1e6


# -- the hub ---------------------------------------------------------------------------------------


def _hub(rounds: int) -> dict[str, float]:
    """Take calls through the codec and the broker of a hub, without its sockets."""
    stages = _Stages(_CALLS)
    broker = Broker(Policy(), instance=24 * b"f", random=random.random, now=0.0)
    worker_end, client_end = _session("DEALER"), _session("ROUTER")
    workers = [broker.add_worker(f"w{n}", f"w{n}", "out", now=0.0)[0] for n in range(4)]
    client = broker.add_client("client", "client", "in")
    script, numbers = echo(), count()
    for _ in range(rounds):
        data = b"".join(script.request(b"%08x" % next(numbers)) for _ in range(_CALLS))
        heard = stages.time("clients: read ZMTP", client_end.receive, data)
        sends = stages.time("clients: broker", broker.from_client, client, heard, 1.0)
        written = stages.time("workers: write ZMTP", _written, sends)
        said = {worker: _replies(script.rules, written.get(worker.peer, ())) for worker in workers}
        read = stages.time("workers: read ZMTP", _read, worker_end, said)
        sends = stages.time("workers: broker", _route, broker, read)
        written = stages.time("clients: write ZMTP", _written, sends)
        assert len(written["client"]) == _CALLS
    return stages.best


def _written(sends: list[Send]) -> dict[Any, list[bytes]]:
    """Return what goes to each peer, message by message."""
    written: dict[Any, list[bytes]] = {}
    for peer, frames in sends:
        written.setdefault(peer, []).append(b"".join(encode(frames)))
    return written


def _replies(rules: Rules, parts: Iterable[bytes]) -> bytes:
    """Return what a worker says to what it was sent."""
    data = b"".join(parts)
    for heard, said in rules:
        data = data.replace(heard, said)
    return data


def _read(end: Session, said: Mapping[Worker, bytes]) -> list[tuple[Worker, list[Message]]]:
    return [(worker, end.receive(data)) for worker, data in said.items()]


def _route(broker: Broker, read: list[tuple[Worker, list[Message]]]) -> list[Send]:
    return [send for each in read for send in broker.from_worker(*each, 1.0)]


def _session(socket_type: str) -> Session:
    session = Session(socket_type)
    session.restore(Snapshot(b"", Peer("DEALER", b"", (3, 1), {}), b"", 0.0))
    return session
