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


def test_nobody_goes_on_once_it_is_closed() -> None:
    rota = Rota()
    went: list[str] = []
    rota.add(partial(went.append, "a"))
    rota.close()
    gevent.sleep(0)
    assert went == []


def test_large_items_are_sent_in_many_turns(serve: Serve, greedy: RawPeer) -> None:
    """With a credit of a thousand million the stream would else go on for as long as it can."""
    items, size, turns = 400, 65536, Counter[int]()

    @zerorpc.stream
    def chunks() -> Iterator[bytes]:
        for _ in range(items):
            turns[server._driver.pump.turns] += 1
            yield bytes(size)

    server = serve({"chunks": chunks}, heartbeat=FAR_AWAY)
    greedy.socket.connect(server.endpoints[0])
    channel = greedy.send("chunks", [])
    greedy.send("_zpc_more", [10**9], response_to=channel)
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
