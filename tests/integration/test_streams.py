"""Streams: whole and in order, held back by whoever reads, ended by either side."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import gevent
import gevent.queue
import pytest

import zerorpc
from tests.integration.raw_server import RawServer
from tests.integration.running import (
    FAR_AWAY,
    PATIENCE,
    Dial,
    Serve,
    begin,
    open_calls,
    outcome,
    wait_until,
)


class Source:
    """Streams of which one can tell how far they came and how they ended."""

    def __init__(self) -> None:
        self.made = 0
        self.endings: list[str] = []

    @zerorpc.stream
    def count(self, n: int) -> Iterable[int]:
        return range(n)

    @zerorpc.stream
    def endless(self) -> Iterator[int]:
        try:
            for number in itertools.count():
                self.made = number + 1
                yield number
        except BaseException as error:
            self.endings.append(type(error).__name__)
            raise
        finally:
            self.endings.append("finally")

    @zerorpc.stream
    def silent(self, seconds: float) -> Iterator[str]:
        yield "first"
        gevent.sleep(seconds)
        yield "last"

    @zerorpc.stream
    def breaks(self, after: int) -> Iterator[int]:
        yield from range(after)
        raise ValueError("broken")

    @zerorpc.stream
    def no_iterable(self) -> int:
        return 7


@pytest.mark.parametrize("slots", [None, 1, 2, 3, 10, 5000])
@pytest.mark.parametrize("items", [0, 1, 2, 100, 1200])
def test_streams_are_whole_and_in_order(
    serve: Serve, dial: Dial, items: int, slots: int | None
) -> None:
    client = dial(serve(Source()))
    assert list(client.count(items, slots=slots)) == list(range(items))
    assert open_calls(client) == 0


def test_items_are_of_any_kind(serve: Serve, dial: Dial) -> None:
    items: list[Any] = [None, [], [1, 2], {"a": 1}, b"", "text", [[]]]
    assert list(dial(serve({"items": zerorpc.stream(lambda: items)})).items()) == items


def test_an_error_comes_after_the_items_before_it(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Source()))
    stream = client.breaks(3)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(zerorpc.RemoteError, match="broken"):
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)
    with pytest.raises(zerorpc.RemoteError, match="broken"):
        client.breaks(0)


def test_what_is_not_iterable_is_a_type_error(serve: Serve, dial: Dial) -> None:
    with pytest.raises(zerorpc.RemoteError) as caught:
        dial(serve(Source())).no_iterable()
    assert caught.value.name == "TypeError"


def test_a_stream_that_is_over_stays_over(serve: Serve, dial: Dial) -> None:
    stream = dial(serve(Source())).count(1)
    assert list(stream) == [0]
    assert list(stream) == []


def test_fifty_streams_at_once_do_not_mix(serve: Serve, dial: Dial) -> None:
    client = dial(serve({"from_": zerorpc.stream(lambda start: range(start, start + 500))}))
    reading = [gevent.spawn(lambda n: list(client.from_(n)), 1000 * n) for n in range(50)]
    for number, greenlet in enumerate(reading):
        assert greenlet.get(timeout=PATIENCE) == list(range(1000 * number, 1000 * number + 500))


def test_two_streams_are_read_in_turns(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Source()))
    pairs = list(zip(client.count(2500), client.count(2500), strict=True))
    assert pairs == [(number, number) for number in range(2500)]


def test_items_can_be_streams_of_another_server(serve: Serve, dial: Dial) -> None:
    behind = dial(serve(Source()))
    client = dial(serve({"relay": zerorpc.stream(behind.count)}))
    assert list(client.relay(2500)) == list(range(2500))


# -- holding back --------------------------------------------------------------------------------


@pytest.mark.parametrize(("slots", "most"), [(None, 1001), (1, 2), (10, 11), (100, 101)])
def test_no_more_is_made_than_the_reader_has_room_for(
    serve: Serve, dial: Dial, slots: int | None, most: int
) -> None:
    source = Source()
    client = dial(serve(source))
    stream = client.endless(slots=slots)
    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    # The answer to this comes after whatever the promises before it have set off.
    assert list(client.count(0)) == []
    assert 3 < source.made <= 3 + most
    stream.close()


def test_large_items_shrink_the_window(serve: Serve, dial: Dial) -> None:
    made = []

    def chunks() -> Iterator[bytes]:
        while True:
            made.append(1)
            yield bytes(1 << 20)

    limits = zerorpc.Limits(window_bytes=8 << 20)
    server = serve({"chunks": zerorpc.stream(chunks), "ping": lambda: None})
    stream = dial(server, limits=limits).chunks()
    for _ in range(20):
        next(stream)
    assert len(made) <= 20 + 8 + 1
    stream.close()


# -- ending early --------------------------------------------------------------------------------


def closed(stream: Iterator[Any]) -> None:
    stream.close()  # type: ignore[attr-defined]  # it is a generator


def dropped(stream: Iterator[Any]) -> None:
    del stream
    gc.collect()


@pytest.mark.parametrize("end", [closed, dropped])
@pytest.mark.parametrize("taken", [0, 1, 1500])
def test_a_reader_that_stops_ends_the_generator_at_once(
    serve: Serve, dial: Dial, taken: int, end: Any
) -> None:
    source = Source()
    server = serve(source, heartbeat=FAR_AWAY)
    client = dial(server, heartbeat=FAR_AWAY)
    streams = [client.endless()]
    for number in range(taken):
        assert next(streams[0]) == number
    end(streams.pop())
    wait_until(lambda: "finally" in source.endings, "the generator's `finally` has run")
    assert source.endings[0] in ("LostRemote", "GeneratorExit")
    assert open_calls(client) == 0
    wait_until(lambda: server.statistics()["open_channels"] == 0, "the server has forgotten it")
    assert list(client.count(3)) == [0, 1, 2]


def test_a_loop_that_breaks_ends_the_generator_at_once(serve: Serve, dial: Dial) -> None:
    source = Source()
    client = dial(serve(source, heartbeat=FAR_AWAY), heartbeat=FAR_AWAY)
    for item in client.endless():
        if item == 10:
            break
    wait_until(lambda: "finally" in source.endings, "the generator's `finally` has run")


def test_a_generator_that_waits_learns_that_its_reader_is_gone(serve: Serve, dial: Dial) -> None:
    """The way in which stock's author does publishing: a queue per reader, freed in `finally`."""
    queues: set[gevent.queue.Queue[str]] = set()

    def subscribe() -> Iterator[str]:
        queue: gevent.queue.Queue[str] = gevent.queue.Queue()
        queues.add(queue)
        try:
            yield "subscribed"
            yield from queue
        finally:
            queues.discard(queue)

    client = dial(serve({"subscribe": zerorpc.stream(subscribe)}, heartbeat=FAR_AWAY))
    stream = client.subscribe()
    assert next(stream) == "subscribed"
    (queue,) = queues
    queue.put("news")
    assert next(stream) == "news"
    stream.close()
    wait_until(lambda: not queues, "the reader's queue is freed")


# -- long silence --------------------------------------------------------------------------------


def test_a_stream_may_be_silent_for_many_heartbeats(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Source(), heartbeat=0.1), heartbeat=0.1, timeout=0.3)
    assert list(client.silent(1.0)) == ["first", "last"]


def test_without_heartbeats_the_timeout_bounds_the_wait_for_each_item(
    serve: Serve, dial: Dial
) -> None:
    client = dial(serve(Source(), heartbeat=None), heartbeat=None, timeout=0.2)
    stream = client.silent(FAR_AWAY)
    assert next(stream) == "first"
    with pytest.raises(zerorpc.TimeoutExpired, match=r"timeout after 0\.2s.*silent"):
        next(stream)
    assert open_calls(client) == 0


def test_the_time_that_a_reader_takes_itself_does_not_count(serve: Serve, dial: Dial) -> None:
    client = dial(serve(Source(), heartbeat=None), heartbeat=None, timeout=0.1)
    stream = client.count(3000)
    read = 0
    for _ in stream:
        read += 1
        if read in (1, 500, 2999):
            gevent.sleep(0.15)  # longer than the timeout: this is the case itself
    assert read == 3000


# -- other greenlets -----------------------------------------------------------------------------


def test_an_iterator_can_be_read_in_another_greenlet(serve: Serve, dial: Dial) -> None:
    stream = dial(serve(Source())).count(3000)
    assert gevent.spawn(list, stream).get(timeout=PATIENCE) == list(range(3000))


def test_a_reader_in_another_greenlet_learns_that_the_server_is_gone(dial: Dial) -> None:
    with RawServer() as raw:
        client = dial(raw.endpoint, heartbeat=FAR_AWAY)
        calling = begin(client.count, 3)
        raw.answer(raw.take(), "STREAM", 0)
        stream = outcome(calling)
        assert gevent.spawn(next, stream).get(timeout=PATIENCE) == 0
        reading = begin(next, stream)
    with pytest.raises(zerorpc.LostRemote, match=r"connection to .* broke"):
        outcome(reading)
    with pytest.raises(StopIteration):
        next(stream)


def test_a_reader_that_is_killed_while_it_waits_ends_its_stream(serve: Serve, dial: Dial) -> None:
    source = Source()
    server = serve(source, heartbeat=FAR_AWAY)
    client = dial(server, heartbeat=FAR_AWAY)
    reading: gevent.Greenlet[..., Any] = begin(list, client.silent(FAR_AWAY))
    reading.kill()
    wait_until(lambda: server.statistics()["open_channels"] == 0, "the generator is ended")
    assert open_calls(client) == 0
    assert list(client.count(3)) == [0, 1, 2]
