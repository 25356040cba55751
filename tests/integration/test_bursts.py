"""Who sends much gives others a turn: after so many bytes, and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import gevent
import pytest

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import FAR_AWAY, Serve, wait_until
from zerorpc.transport.pump import BURST_BYTES
from zerorpc.transport.rota import Rota

MIB = 1 << 20


@pytest.fixture
def greedy() -> Iterator[RawPeer]:
    """A peer for whom libzmq takes whatever comes."""
    with RawPeer(RCVHWM=0, SNDHWM=0) as peer:
        yield peer


def test_each_goes_on_after_the_loop_had_a_turn() -> None:
    loop, rota = gevent.get_hub().loop, Rota()
    went: list[str] = []
    look = loop.check()
    look.start(went.append, "turn")
    for name in "abcabc":
        rota.add(partial(went.append, name))
    wait_until(lambda: went.count("c") == 2, "all went on")
    look.stop()
    look.close()
    rota.close()
    assert "".join(went).replace("turn", "") == "abcabc"
    between = [went[at : at + 2] for at, name in enumerate(went[:-1]) if name != "turn"]
    assert all(name == "turn" for _, name in between), went


def test_nobody_goes_on_who_gave_up_or_once_it_is_closed() -> None:
    rota, closed, went = Rota(), Rota(), list[str]()
    give_up = partial(went.append, "gave up")
    rota.add(give_up)
    assert give_up in rota
    rota.discard(give_up)
    rota.discard(give_up)
    closed.add(partial(went.append, "closed before"))
    closed.close()
    closed.add(late := partial(went.append, "closed after"))
    assert late not in closed
    # The loop looks at all of its watchers in one turn.
    rota.add(partial(went.append, "turn"))
    wait_until(lambda: "turn" in went, "the loop had a turn")
    rota.add(partial(went.append, "turn"))
    wait_until(lambda: went.count("turn") == 2, "the loop had another turn")
    rota.close()
    assert went == ["turn", "turn"]


def test_large_items_are_sent_in_many_turns(serve: Serve, greedy: RawPeer) -> None:
    """With a credit of a thousand million, and more coming, it would else go on while it can."""
    items, size, turns = 400, 65536, Counter[int]()

    @zerorpc.stream
    def chunks() -> Iterator[bytes]:
        for _ in range(items):
            turns[server._driver.pump.turns] += 1
            yield bytes(size)

    server = serve({"chunks": chunks}, heartbeat=FAR_AWAY)
    greedy.socket.connect(server.endpoints[0])
    channel = greedy.send("chunks", [])
    for _ in range(200):
        greedy.send("_zpc_more", [10**6], response_to=channel)
    for _ in range(items):
        assert greedy.receive_answer(channel) == ("STREAM", bytes(size))
    assert greedy.receive_answer(channel)[0] == "STREAM_DONE"
    # One flush, a mebibyte, is what it may take to notice.
    assert max(turns.values()) <= (MIB + BURST_BYTES) // size + 1, turns


def test_large_answers_end_the_turn(serve: Serve, greedy: RawPeer) -> None:
    """Many calls in one batch would else all be answered before anybody else is heard."""
    calls, turns = 40, Counter[int]()

    def blob() -> bytes:
        turns[server._driver.pump.turns] += 1
        return bytes(MIB)

    server = serve({"blob": blob}, heartbeat=FAR_AWAY, limits=zerorpc.Limits(backlog_bytes=1 << 30))
    greedy.socket.connect(server.endpoints[0])
    channels = [greedy.send("blob", []) for _ in range(calls)]
    for channel in channels:
        assert greedy.receive_answer(channel) == ("OK", [bytes(MIB)])
    assert len(turns) > calls // 2, turns


def test_middling_answers_end_the_turn_too(serve: Serve, greedy: RawPeer) -> None:
    """Too few at a time for a flush, and each too small for one: still they are counted."""
    calls, size, turns = 400, 60_000, Counter[int]()

    def blob() -> bytes:
        turns[server._driver.pump.turns] += 1
        return bytes(size)

    server = serve({"blob": blob}, heartbeat=FAR_AWAY)
    greedy.socket.connect(server.endpoints[0])
    channels = [greedy.send("blob", []) for _ in range(calls)]
    for channel in channels:
        assert greedy.receive_answer(channel) == ("OK", [bytes(size)])
    # Batches of 1, 2, 4 and 8, as each is sent when the next is read.
    assert max(turns.values()) <= 15, turns


def test_who_closes_its_own_server_waits_for_no_turn(serve: Serve, greedy: RawPeer) -> None:
    ended: list[str] = []

    @zerorpc.stream
    def chunks() -> Iterator[bytes]:
        try:
            yield bytes(MIB)
            server.close()
            yield bytes(MIB)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        finally:
            ended.append("finally")

    server = serve({"chunks": chunks}, heartbeat=FAR_AWAY)
    greedy.socket.connect(server.endpoints[0])
    greedy.send("_zpc_more", [10], response_to=greedy.send("chunks", []))
    wait_until(lambda: "finally" in ended, "the generator has ended")
    assert ended == ["GeneratorExit", "finally"]
