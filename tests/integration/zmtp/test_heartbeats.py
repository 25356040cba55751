"""PING and PONG with libzmq: the same bytes, the same consequences."""

from __future__ import annotations

import random
from functools import partial

import pytest

from tests.integration.zmtp.conftest import MakePeer, Meet
from tests.integration.zmtp.line import Line
from zerorpc.zmtp import Session, Snapshot, encode


def has_heard(line: Line, pongs: int) -> bool:
    return line.session.pongs == pongs


def test_libzmq_answers_our_ping_as_we_answer_it(make_peer: MakePeer, meet: Meet) -> None:
    source = random.Random(1)
    line = meet(Session("ROUTER"), make_peer("DEALER"), source)
    for size in range(17):
        ping = line.session.ping(60.0, source.randbytes(size))
        before = len(line.heard)
        line.say(ping)
        line.hear_until(partial(has_heard, line, size + 1))
        twin = Session("DEALER")
        twin.restore(Snapshot(b"", line.session.peer, b"", 0.0))
        twin.receive(ping)
        assert line.heard[before:] == twin.take_output()
        assert twin.ttl_s == 60.0


@pytest.mark.parametrize("ttl_ms", [0, 100, 2500])
def test_libzmq_pings_as_we_ping(ttl_ms: int, make_peer: MakePeer, meet: Meet) -> None:
    options = {"HEARTBEAT_IVL": 10, "HEARTBEAT_TIMEOUT": 60_000, "HEARTBEAT_TTL": ttl_ms}
    line = meet(Session("ROUTER"), make_peer("DEALER", **options), random.Random(2))
    before = len(line.heard)
    ping = line.session.ping(ttl_ms / 1000)
    line.hear_until(lambda: len(line.heard) >= before + 3 * len(ping))
    assert line.heard[before:].startswith(3 * ping)
    assert line.session.ttl_s == ttl_ms / 1000


def test_libzmq_hangs_up_on_silence_after_the_time_we_gave(make_peer: MakePeer, meet: Meet) -> None:
    line = meet(Session("ROUTER"), make_peer("DEALER"), random.Random(3))
    line.say(line.session.ping(0.1))
    line.wait_for_the_end()
    assert line.session.pongs == 1


def test_libzmq_stays_when_the_time_is_the_longest_that_it_understands(
    make_peer: MakePeer, meet: Meet
) -> None:
    line = meet(Session("ROUTER"), make_peer("DEALER"), random.Random(4))
    line.say(line.session.ping(1e6))
    line.hear_until(partial(has_heard, line, 1))
    # One tenth of a second more, and it would hang up after 64 ms.
    assert not line.is_readable(0.2)


def test_libzmq_pings_between_the_frames_of_a_message(make_peer: MakePeer, meet: Meet) -> None:
    peer = make_peer("DEALER", HEARTBEAT_IVL=1, HEARTBEAT_TIMEOUT=60_000)
    line = meet(Session("ROUTER", max_frames=5000), peer, random.Random(5))
    message = [b"%d" % number * 500 for number in range(3000)]
    whole = b"".join(encode(message))
    was_interrupted = False
    while not was_interrupted:
        before = len(line.heard)
        peer.send_multipart(message)
        assert line.receive() == message
        was_interrupted = whole not in line.heard[before:]
