"""The load that a hub is measured with: what it says is what peers say, and counted once."""

from __future__ import annotations

import pytest

from benchmarks import stages
from benchmarks.contest import Outcome
from benchmarks.hub.arena import DIRECT, HUB, PROXY
from benchmarks.hub.generator import percentile
from benchmarks.hub.line import Line
from benchmarks.hub.script import SCRIPTS, large
from benchmarks.hub.worker import answers, large_answers
from benchmarks.p8_hub import added_latency, owned
from benchmarks.plan import TINY
from benchmarks.roster import OURS
from zerorpc.wire import Codec, Event
from zerorpc.zmtp import Message, Peer, Session, Snapshot, encode

NUMBERS = [b"%08x" % number for number in range(3)]
# What a hub puts before the messages of its workers; the last is of another length.
ENVELOPES = [b"\0\0\0\0\1", b"\0\0\0\0\2", b"other"]
SMALL = [name for name, script in SCRIPTS.items() if not script().is_large]
ENDS = {"echo": ["OK"], "deadline": ["OK"], "conversation": ["STREAM", "STREAM_DONE"]}


def read(data: bytes) -> list[Message]:
    """Read the traffic of a connection with the library's own codec."""
    session = Session("ROUTER")
    session.restore(Snapshot(b"", Peer("DEALER", b"", (3, 1), {}), b"", 0.0))
    return session.receive(data)


def events(messages: list[Message]) -> list[Event]:
    return [Codec().decode(message[-1]) for message in messages]


def forwarded(data: bytes) -> list[tuple[bytes, bytes]]:
    """Do as a hub does: an envelope before each message, the same for all of one call."""
    calls = dict(zip(NUMBERS, ENVELOPES, strict=True))
    messages = read(data)
    envelopes = [next(calls[n] for n in NUMBERS if n in bytes(m[-1])) for m in messages]
    return [
        (envelope, b"".join(encode([envelope, *message])))
        for envelope, message in zip(envelopes, messages, strict=True)
    ]


@pytest.mark.parametrize("name", SMALL)
def test_every_request_is_answered_in_its_envelope(name: str) -> None:
    script = SCRIPTS[name]()
    said = forwarded(b"".join(map(script.request, NUMBERS)))
    answer, rest = answers(script, b"".join(message for _, message in said))
    assert rest == b""
    messages = read(answer)
    assert [message[0] for message in messages] == [envelope for envelope, _ in said]
    told = events(messages)
    assert [event.name for event in told] == ENDS[name] * len(NUMBERS)
    asked = [event.header["message_id"] for event in events(read(script.request(NUMBERS[0])))]
    assert told[0].header["response_to"] == asked[0]
    assert answer.count(script.done) == len(NUMBERS)
    assert len(asked) + len(ENDS[name]) == script.events


@pytest.mark.parametrize("name", SMALL)
def test_what_is_not_whole_waits_for_the_rest(name: str) -> None:
    script = SCRIPTS[name]()
    data = b"".join(message for _, message in forwarded(b"".join(map(script.request, NUMBERS))))
    whole, _ = answers(script, data)
    for at in range(len(data)):
        first, rest = answers(script, data[:at])
        second, rest = answers(script, rest + data[at:])
        assert (first + second, rest) == (whole, b"")


def test_a_deadline_comes_back_as_it_arrived() -> None:
    script = SCRIPTS["deadline"]()
    asked = script.request(NUMBERS[0])
    assert events(read(asked))[0].header["deadline_ms"] == 30_000
    later = asked.replace((30_000).to_bytes(2, "big"), (29_000).to_bytes(2, "big"))
    answer, _ = answers(script, later)
    assert events(read(answer))[0].args == [29_000]


def test_a_hub_that_asks_whether_a_worker_is_busy_is_answered() -> None:
    script = SCRIPTS["echo"]()
    blob = Codec().request(b"i" * 32, "_zerorpc_ping", [], None)
    question = b"".join(encode([b"\0\0\0\0\7", b"", blob]))
    request = script.request(NUMBERS[0])
    answer, rest = answers(script, request + question + request)
    assert rest == b""
    first, pong, last = read(answer)
    assert first == last
    assert pong[0] == b"\0\0\0\0\7"
    (event,) = events([pong])
    assert (event.name, event.args) == ("OK", [["pong", "w"]])
    assert event.header["response_to"] == b"i" * 32


class Wire(Line):
    """A line whose other end is a list, after its handshake."""

    def __init__(self, *heard: bytes) -> None:
        self.heard = iter(heard)
        self.recv = self.take  # type: ignore[assignment]  # which needs no flags
        self.said: list[bytes | memoryview] = []

    def take(self, size: int) -> bytes:
        return next(self.heard)

    def say(self, data: bytes | memoryview) -> None:
        self.said.append(data)


def test_a_ping_is_answered_and_is_no_end() -> None:
    session = Session("ROUTER")
    wire = Wire(session.ping(1.0, b"context"), b"before" + session.ping() + b"behind", b"")
    assert [wire.hear() for _ in range(3)] == [b"", b"beforebehind", None]
    said = b"".join(map(bytes, wire.said))
    assert said == b"\x04\x0c\x04PONGcontext\x04\x05\x04PONG"


def test_a_large_answer_has_the_size_that_is_counted() -> None:
    script = large(70_000)
    (head, answer), (_, body) = script.rules
    assert script.request(NUMBERS[0]).startswith(head)
    data = answer + NUMBERS[0] + body
    assert len(data) == script.answer_bytes
    (event,) = events(read(data))
    assert event.args == [bytes(70_000)]


def test_a_large_message_is_answered_when_it_has_begun() -> None:
    script = large(70_000)
    blob = Codec().request(b"i" * 32, "_zerorpc_ping", [], None)
    question = b"".join(encode([b"\0\0\0\0\7", b"", blob]))
    ((_, request),) = forwarded(script.request(NUMBERS[0]))
    begun = request[:1000]
    said, rest, missing = large_answers(script, question + begun)
    assert (rest, missing) == (b"", len(request) - len(begun))
    pong, answer = read(b"".join(said))
    assert [event.name for event in events([pong, answer])] == ["OK", "OK"]
    assert (pong[0], answer[0]) == (b"\0\0\0\0\7", ENVELOPES[0])
    assert large_answers(script, request[:20]) == ([], request[:20], 0)


def test_percentiles_are_of_calls_and_not_of_batches() -> None:
    assert percentile([(10, 98), (20, 1), (30, 1)], 0.5) == 10
    assert percentile([(10, 98), (20, 1), (30, 1)], 0.98) == 20
    assert percentile([(10, 98), (20, 1), (30, 1)], 1.0) == 30


def test_a_failure_is_ours_unless_it_is_somebody_elses() -> None:
    assert owned(f"{PROXY}: no result") == f"{PROXY}: no result"
    for ours in (f"{HUB}: no result", "round-robin: no result"):
        assert owned(ours) == f"{OURS}: {ours}"


def test_added_latency_is_over_a_direct_call_of_the_same_round() -> None:
    rounds = [(100.0, 80.0, 60.0), (210.0, 160.0, 110.0), (1.0, 1.0, 1.0)]
    results = [
        {HUB: {"p50_us": hub}, PROXY: {"p50_us": proxy}, DIRECT: {"p50_us": direct}}
        for hub, proxy, direct in rounds
    ]
    assert added_latency(Outcome(results)) == 2.0
    assert added_latency(Outcome([{HUB: {"p50_us": 1.0}}])) is None


def test_the_stages_of_a_call_are_those_of_real_ones() -> None:
    report = stages.run(TINY)
    for table in report.tables:
        assert len(table.rows) > 5
        assert all(isinstance(took, float) for _, took in table.rows)
    assert not report.failures
