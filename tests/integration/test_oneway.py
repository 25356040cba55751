"""Messages without an answer: fan-out and fan-in, topics, and what must not end a receiver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gevent
import msgpack
import pytest
import zmq

import zerorpc
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.running import (
    ANY_PORT,
    PATIENCE,
    Gate,
    Keep,
    begin,
    outcome,
    wait_until,
)

NOBODY = "tcp://127.0.0.1:1"


class Sink:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.notes: list[Any] = []

    def note(self, *values: Any) -> None:
        self.notes.extend(values)

    def news_sport(self, text: str) -> None:
        self.notes.append(f"sport: {text}")

    def news_politics(self, text: str) -> None:
        self.notes.append(f"politics: {text}")

    def fail(self) -> None:
        raise ValueError("failed")

    def leave(self) -> None:
        sys.exit("left")

    def interrupt(self) -> None:
        raise KeyboardInterrupt


def await_note(sink: Sink, note: Any) -> None:
    wait_until(lambda: note in sink.notes, f"{note!r} has come")


@pytest.fixture
def sink() -> Sink:
    """What the test's receivers expose."""
    return Sink()


@pytest.fixture
def puller(keep: Keep, sink: Sink) -> zerorpc.Puller:
    """A receiver that is bound and runs."""
    puller: zerorpc.Puller = keep(zerorpc.Puller(sink))
    puller.bind(ANY_PORT)
    begin(puller.run)
    return puller


@pytest.fixture
def pusher(keep: Keep, puller: zerorpc.Puller) -> zerorpc.Pusher:
    """A sender that is connected to `puller`."""
    pusher: zerorpc.Pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.endpoints)
    return pusher


# -- pushing and pulling -------------------------------------------------------------------------


def test_messages_arrive_whole_and_in_order(
    sink: Sink, puller: zerorpc.Puller, pusher: zerorpc.Pusher
) -> None:
    for number in range(3000):
        pusher.note(number, {"number": number})
    wait_until(lambda: len(sink.notes) == 6000, "all have come")
    assert sink.notes == [each for n in range(3000) for each in (n, {"number": n})]


def test_a_message_is_one_frame(keep: Keep) -> None:
    """As stock sends them: whoever receives may count."""
    with RawPeer(kind=zmq.PULL) as pull, RawPeer(kind=zmq.SUB, SUBSCRIBE=b"") as listener:
        pusher, publisher = keep(zerorpc.Pusher()), keep(zerorpc.Publisher())
        pusher.connect(pull.bind())
        publisher.connect(listener.bind())
        pusher.note(1)
        publishing = gevent.spawn(publish_until_killed, publisher)
        said = [pull.receive_frames(), listener.receive_frames()]
        publishing.kill()
    assert [len(frames) for frames in said] == [1, 1]
    assert [msgpack.unpackb(frames[0])[1:] for frames in said] == [["note", [1]]] * 2


def publish_until_killed(publisher: zerorpc.Publisher) -> None:
    while True:
        publisher.note(1)
        gevent.sleep(0.001)


def test_names_may_be_text_or_bytes(sink: Sink, pusher: zerorpc.Pusher) -> None:
    pusher.note(1)
    pusher("note", 2)
    pusher(b"note", 3)
    wait_until(lambda: len(sink.notes) == 3, "all have come")
    assert sink.notes == [1, 2, 3]


def test_a_message_takes_no_keywords(pusher: zerorpc.Pusher) -> None:
    with pytest.raises(TypeError, match="keyword"):
        pusher.note(value=1)
    with pytest.raises(TypeError, match="keyword"):
        pusher.note(1, timeout=1)


def test_what_cannot_be_sent_is_told_at_once(sink: Sink, pusher: zerorpc.Pusher) -> None:
    with pytest.raises(TypeError):
        pusher.note(object())
    pusher.note("next")
    wait_until(lambda: sink.notes, "the next has come")
    assert sink.notes == ["next"]


def test_a_pusher_may_bind_and_a_puller_connect(keep: Keep, sink: Sink) -> None:
    pusher = keep(zerorpc.Pusher())
    puller = keep(zerorpc.Puller(sink))
    puller.connect(pusher.bind([ANY_PORT, ANY_PORT]))
    begin(puller.run)
    pusher.note("reversed")
    wait_until(lambda: sink.notes, "it has come")


def test_many_pushers_fan_in(keep: Keep, sink: Sink, puller: zerorpc.Puller) -> None:
    puller.bind(ANY_PORT)
    pushers = [keep(zerorpc.Pusher()) for _ in range(6)]
    for number, each in enumerate(pushers):
        each.connect(puller.endpoints[number % 2])
    for each in pushers:
        for number in range(100):
            each.note(number)
    wait_until(lambda: len(sink.notes) == 600, "all have come")
    assert sorted(sink.notes) == sorted(list(range(100)) * 6)


def test_one_pusher_fans_out_in_turn(keep: Keep) -> None:
    sinks = [Sink() for _ in range(3)]
    pusher = keep(zerorpc.Pusher())
    for each in sinks:
        puller = keep(zerorpc.Puller(each))
        pusher.connect(puller.bind(ANY_PORT))
        begin(puller.run)
        pusher.note("hello")
    wait_until(lambda: sum(len(each.notes) for each in sinks) == 3, "all are there")

    def everyone_has_some() -> bool:
        pusher.note("more")
        return all(len(each.notes) > 3 for each in sinks)

    wait_until(everyone_has_some, "each gets its share")
    counts = [len(each.notes) for each in sinks]
    assert max(counts) - min(counts) <= 3


def test_a_pusher_keeps_what_nobody_takes_yet(keep: Keep, sink: Sink, tmp_path: Path) -> None:
    pusher = keep(zerorpc.Pusher())
    pusher.connect(f"ipc://{tmp_path}/later")
    for number in range(2000):
        pusher.note(number)
    puller = keep(zerorpc.Puller(sink))
    puller.bind(f"ipc://{tmp_path}/later")
    begin(puller.run)
    wait_until(lambda: len(sink.notes) == 2000, "all have come")
    assert sink.notes == list(range(2000))


def test_what_is_kept_is_bounded_and_waiting_for_room_too(keep: Keep, tmp_path: Path) -> None:
    limits = zerorpc.Limits(backlog_bytes=10_000)
    pusher = keep(zerorpc.Pusher(timeout=0.05, limits=limits))
    pusher.connect(f"ipc://{tmp_path}/later")
    sent = 0
    while has_room(pusher):
        sent += 1
    assert sent <= 11
    with pytest.raises(zerorpc.TimeoutExpired, match="room to send note"):
        pusher.note(1)
    sink = Sink()
    puller = keep(zerorpc.Puller(sink))
    puller.bind(f"ipc://{tmp_path}/later")
    begin(puller.run)
    wait_until(lambda: has_room(pusher), "there is room again")
    pusher.note("last")
    await_note(sink, "last")
    assert len(sink.notes) == sent + 2


def has_room(pusher: zerorpc.Pusher) -> bool:
    try:
        pusher.note(bytes(1000))
    except zerorpc.TimeoutExpired:
        return False
    return True


def test_whoever_waits_for_room_is_told_that_its_pusher_closed() -> None:
    pusher = zerorpc.Pusher(limits=zerorpc.Limits(backlog_bytes=100))
    pusher.connect(NOBODY)
    pusher.note(bytes(1000))
    waiting = begin(pusher.note, 1)
    pusher.close()
    with pytest.raises(zerorpc.ClosedError):
        outcome(waiting)


# -- receivers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["fail", "leave", "interrupt", "unknown", "stop"])
def test_whatever_a_method_raises_the_next_message_is_served(
    sink: Sink, pusher: zerorpc.Pusher, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    pusher(method)
    pusher.note("next")
    wait_until(lambda: sink.notes, "the next has come")
    assert sum(f"{method} failed with" in each for each in caplog.messages) == 1


MALFORMED = [b"\xc1", b"\x93\x80", b"\x92\x80\xa4note", b"\x93\x80\x07\x90", b"\x80" * 300]


@pytest.mark.parametrize("kind", [zerorpc.zmq.PUSH, zerorpc.zmq.PUB])
def test_malformed_messages_are_dropped_and_counted(
    keep: Keep, sink: Sink, kind: int, caplog: pytest.LogCaptureFixture
) -> None:
    is_push = kind == zerorpc.zmq.PUSH
    receiver = keep(zerorpc.Puller(sink) if is_push else zerorpc.Subscriber(sink))
    (endpoint,) = receiver.bind(ANY_PORT)
    begin(receiver.run)
    with RawPeer(endpoint, kind) as raw:

        def note() -> bool:
            raw.socket.send(msgpack.packb([{}, "note", ["before"]]))
            return bool(sink.notes)

        wait_until(note, "messages arrive")  # the first may come before the subscription
        for blob in MALFORMED * 5:
            raw.socket.send(blob)
        raw.socket.send_multipart([b"many", b"frames", msgpack.packb([{}, "note", ["after"]])])
        wait_until(lambda: "after" in sink.notes, "the last has come")
    dropped = receiver.statistics()["dropped"]
    assert sum(dropped.values()) == 5 * len(MALFORMED), dropped
    assert 1 <= sum("dropped a message" in each for each in caplog.messages) <= len(MALFORMED)


def test_a_message_of_stocks_python_2_is_understood(sink: Sink, puller: zerorpc.Puller) -> None:
    with RawPeer(puller.endpoints[0], zerorpc.zmq.PUSH) as raw:
        raw.socket.send(msgpack.packb([{b"v": 3}, b"note", (1,)]))
        raw.socket.send(msgpack.packb([None, "note", [2]]))
        wait_until(lambda: len(sink.notes) == 2, "both have come")
    assert sink.notes == [1, 2]


def test_stop_lets_the_message_in_hand_end(keep: Keep) -> None:
    gate = Gate()
    puller = keep(zerorpc.Puller({"wait": gate.enter}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    pusher.wait()
    gate.await_entered()
    puller.stop()
    gevent.sleep(0)
    gate.open()
    outcome(running)
    assert gate.ended == [None]


def test_messages_that_were_read_wait_for_the_next_run(keep: Keep) -> None:
    gate, notes = Gate(), list[int]()
    puller = keep(zerorpc.Puller({"wait": gate.enter, "note": notes.append}))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    pusher.wait()
    for number in range(100):
        pusher.note(number)
    wait_until(lambda: puller.statistics()["events_received"] == 101, "all were read")
    puller.stop()
    gate.open()
    outcome(running)
    assert notes == []
    begin(puller.run)
    wait_until(lambda: notes == list(range(100)), "all are handled")


def test_closing_does_not_wait_for_the_message_in_hand(keep: Keep) -> None:
    gate = Gate()
    puller = zerorpc.Puller({"wait": gate.enter})
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    running = begin(puller.run)
    pusher.wait()
    gate.await_entered()
    puller.stop()
    gevent.sleep(0)
    puller.close()
    outcome(running)
    gate.open()


def test_a_puller_runs_again_and_misses_nothing(keep: Keep, sink: Sink) -> None:
    puller = keep(zerorpc.Puller(sink))
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    for number in range(4):
        pusher.note(number)  # while nobody runs
        running = begin(puller.run)
        await_note(sink, number)
        puller.stop()
        outcome(running)
    assert sink.notes == [0, 1, 2, 3]


def test_a_receiver_in_the_style_of_subclasses(keep: Keep) -> None:
    class Own(zerorpc.Puller):
        notes: list[Any] = []  # noqa: RUF012 - of the one instance there is

        def note(self, value: Any) -> None:
            self.notes.append(value)

    puller = keep(Own())
    pusher = keep(zerorpc.Pusher())
    pusher.connect(puller.bind(ANY_PORT))
    begin(puller.run)
    pusher.note(1)
    pusher.stop()  # a method of its base is no method of the service
    pusher.note(2)
    wait_until(lambda: puller.notes == [1, 2], "both have come")


def test_methods_can_be_called_in_place(puller: zerorpc.Puller, sink: Sink) -> None:
    puller("note", 1)
    assert sink.notes == [1]
    with pytest.raises(NameError, match="unknown"):
        puller("unknown")


# -- publishing and subscribing ------------------------------------------------------------------


def subscribed(keep: Keep, endpoint: str, sink: Sink, **options: Any) -> zerorpc.Subscriber:
    subscriber: zerorpc.Subscriber = keep(zerorpc.Subscriber(sink, **options))
    subscriber.connect(endpoint)
    begin(subscriber.run)
    return subscriber


def await_subscribers(publisher: zerorpc.Publisher, *sinks: Sink) -> None:
    """Publish until everyone hears it: who subscribes is not there from the first message on."""

    def all_hear() -> bool:
        publisher.note("hello")
        gevent.sleep(0.001)
        return all(sink.notes for sink in sinks)

    wait_until(all_hear, "everyone hears", PATIENCE)


def after_last_hello(sink: Sink) -> list[Any]:
    return [note for note in sink.notes if note != "hello"]


def test_every_subscriber_gets_every_message(keep: Keep) -> None:
    publisher = keep(zerorpc.Publisher())
    (endpoint,) = publisher.bind(ANY_PORT)
    sinks = [Sink() for _ in range(3)]
    for sink in sinks:
        subscribed(keep, endpoint, sink)
    await_subscribers(publisher, *sinks)
    for number in range(100):
        publisher.note(number)
    for sink in sinks:
        await_note(sink, 99)
        assert after_last_hello(sink) == list(range(100))


def test_a_subscriber_may_bind_and_publishers_connect(keep: Keep) -> None:
    sink = Sink()
    subscriber = keep(zerorpc.Subscriber(sink))
    (endpoint,) = subscriber.bind(ANY_PORT)
    begin(subscriber.run)
    for name in "ab":
        publisher = keep(zerorpc.Publisher())
        publisher.connect(endpoint)
        sink.notes.clear()
        await_subscribers(publisher, sink)
        publisher.note(name)
        await_note(sink, name)


def test_topics_are_what_the_names_begin_with(keep: Keep) -> None:
    publisher = keep(zerorpc.Publisher())
    (endpoint,) = publisher.bind(ANY_PORT)
    everything, sport, nothing, two = Sink(), Sink(), Sink(), Sink()
    subscribed(keep, endpoint, everything)
    subscribed(keep, endpoint, sport, topics=["note", "news_sport"])
    subscribed(keep, endpoint, two, topics=("note", "news_"))
    silent = subscribed(keep, endpoint, nothing, topics=[])
    await_subscribers(publisher, everything, sport, two)
    publisher.news_sport("1:0")
    publisher.news_politics("elected")
    publisher.note("end")
    expected = ["sport: 1:0", "politics: elected", "end"]
    for sink, notes in ((everything, expected), (sport, [expected[0], "end"]), (two, expected)):
        await_note(sink, "end")
        assert after_last_hello(sink) == notes

    def has_come_there() -> bool:
        publisher.note("again")  # who says nothing cannot be awaited, and may have joined late
        return bool(silent.statistics()["events_received"] > 3)

    wait_until(has_come_there, "messages have come there too")
    assert nothing.notes == []


def test_publishing_to_nobody_waits_for_nothing(keep: Keep) -> None:
    publisher = keep(zerorpc.Publisher(limits=zerorpc.Limits(backlog_bytes=10_000)))
    publisher.bind(ANY_PORT)
    with gevent.Timeout(PATIENCE):
        for _ in range(2000):
            publisher.note(bytes(1000))
