"""Conversations of two sessions mean the same however they are cut; garbage costs its sender."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zerorpc.memory import keep_freed_buffers
from zerorpc.zmtp import Message, Peer, Session, Snapshot, ZmtpError, encode
from zerorpc.zmtp.frame import command
from zerorpc.zmtp.metadata import FACING, own_metadata, read_metadata

# Around the lengths at which something changes: the long header, and frames that are collected.
LENGTHS = st.one_of(st.integers(0, 6), st.sampled_from([254, 255, 256, 4095, 4096, 4097, 9000]))
BODIES = st.builds(lambda length, fill: bytes([fill]) * length, LENGTHS, st.integers(0, 255))
MESSAGES = st.lists(BODIES, min_size=1, max_size=5)
CONTEXTS = st.binary(max_size=16)
MEETINGS = st.sampled_from([(kind, other) for kind, others in FACING.items() for other in others])
# A message, or the context of a PING.
TURNS = st.lists(st.one_of(MESSAGES, CONTEXTS), max_size=6)
PLACES = st.one_of(st.integers(0, 300), st.integers(0, 20_000))
CUTS = st.lists(PLACES, max_size=12)
PEER = Peer("DEALER", b"", (3, 1), {})


def ready(most: int = 1 << 20) -> Session:
    """A session that has shaken hands, with a bound on messages."""
    session = Session("ROUTER", max_message_bytes=most)
    session.restore(Snapshot(b"", PEER, b"", 0.0))
    return session


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut data in pieces, some of them perhaps empty."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)] or [b""]


def turns_on_the_wire(turns: list[Message | bytes]) -> bytes:
    return b"".join(
        command(b"PING", b"\0\0" + turn) if isinstance(turn, bytes) else b"".join(encode(turn))
        for turn in turns
    )


def heard_in(session: Session, data: bytes, cuts: list[int]) -> tuple[list[Message], bytes, str]:
    """Feed pieces; returns the messages, the answers and why it ended, if it did."""
    messages: list[Message] = []
    answers = b""
    try:
        for piece in pieces(data, cuts):
            messages += session.receive(piece)
            answers += session.take_output()
    except ZmtpError as error:
        return messages + error.messages, answers + session.take_output(), error.reason
    return messages, answers, ""


@given(meeting=MEETINGS, identity=st.binary(max_size=255), turns=TURNS, cuts=CUTS)
def test_two_sessions_understand_each_other(
    meeting: tuple[str, str], identity: bytes, turns: list[Message | bytes], cuts: list[int]
) -> None:
    client = Session(meeting[0], identity=identity.lstrip(b"\0"))
    server = Session(meeting[1], is_server=True)
    client.receive(server.begin())
    hello = client.begin() + client.take_output()
    messages, answers, error = heard_in(server, hello + turns_on_the_wire(turns), cuts)
    assert not error
    assert messages == [turn for turn in turns if not isinstance(turn, bytes)]
    assert client.receive(answers) == []
    assert client.peer is not None
    assert server.peer is not None
    assert (client.peer.socket_type, server.peer.socket_type) == (meeting[1], meeting[0])
    has_identity = meeting[0] in ("REQ", "DEALER", "ROUTER")
    assert server.peer.identity == (identity.lstrip(b"\0") if has_identity else b"")
    assert client.pongs == len(turns) - len(messages)


@given(turns=TURNS, cuts=CUTS, flips=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255))))
def test_a_stream_with_flaws_means_the_same_however_it_is_cut(
    turns: list[Message | bytes], cuts: list[int], flips: list[tuple[int, int]]
) -> None:
    client = Session("DEALER")
    client.receive(client.begin())
    stream = bytearray(client.begin() + client.take_output() + turns_on_the_wire(turns))
    for place, value in flips:
        stream[place % len(stream)] = value
    data = bytes(stream)
    whole = heard_in(Session("ROUTER", is_server=True), data, [])
    assert heard_in(Session("ROUTER", is_server=True), data, cuts) == whole


@given(data=st.binary(max_size=400), cuts=CUTS)
def test_garbage_is_refused_or_means_the_same_however_it_is_cut(
    data: bytes, cuts: list[int]
) -> None:
    assert heard_in(Session("ROUTER"), data, cuts) == heard_in(Session("ROUTER"), data, [])
    assert heard_in(ready(), data, cuts) == heard_in(ready(), data, [])
    try:
        read_metadata(data)
    except ZmtpError:
        pass


@given(turns=TURNS, place=PLACES, cuts=CUTS)
def test_a_session_can_move_at_any_moment(
    turns: list[Message | bytes], place: int, cuts: list[int]
) -> None:
    data = Session("DEALER").begin() + command(b"READY", own_metadata("DEALER", b"me"))
    data += turns_on_the_wire(turns)
    place = min(place, len(data))
    session = Session("ROUTER", is_server=True)
    before, answers, _ = heard_in(session, data[:place], cuts)
    elsewhere = Session("ROUTER", is_server=True)
    elsewhere.restore(session.export())
    after, more_answers, _ = heard_in(elsewhere, data[place:], cuts)
    whole = heard_in(Session("ROUTER", is_server=True), data, [])
    assert (before + after, answers + more_answers, "") == whole


@given(turns=TURNS, most=st.integers(255, 10_000), cuts=CUTS)
def test_what_is_delivered_is_within_the_bounds_and_what_is_within_them_is_delivered(
    turns: list[Message | bytes], most: int, cuts: list[int]
) -> None:
    messages, _, error = heard_in(ready(most=most), turns_on_the_wire(turns), cuts)
    sent = [turn for turn in turns if not isinstance(turn, bytes)]
    too_large = [index for index, each in enumerate(sent) if sum(map(len, each)) > most]
    assert messages == sent[: too_large[0] if too_large else None]
    assert bool(error) == bool(too_large)


@pytest.mark.parametrize("flags", [0x02, 0x03])
@pytest.mark.parametrize("step", [1, 100, 4096])
def test_memory_grows_with_what_comes_not_with_what_is_claimed(flags: int, step: int) -> None:
    sent = 200_000
    session = ready(1 << 40)
    # Once in a process it asks for a large block that no page of is ever there.
    keep_freed_buffers()
    tracemalloc.start()
    try:
        session.receive(bytes([flags]) + (1 << 39).to_bytes(8, "big"))
        for _ in range(sent // step):
            session.receive(bytes(step))
        used, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert session.missing == (1 << 39) - sent // step * step
    assert used < 1.5 * sent + 20_000
    assert peak < 1.5 * sent + 20_000


@pytest.mark.parametrize("size", [4096, 5000, 200_000])
def test_a_frame_that_trickles_in_is_put_together(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    data = b"".join(encode([b"", body]))
    trickle = list(range(0, len(data), 3))
    assert heard_in(ready(), data, trickle) == ([[b"", body]], b"", "")
