"""What goes wrong in the middle of everything harms nothing else: the loop and the rest go on."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, Dial, Keep, Serve, begin, outcome, wait_until

# More than are kept until the end of a batch.
MANY = 40

ECHO = {"echo": lambda value: value}


def test_a_raw_greenlet_that_fails_costs_no_other_its_answer(
    serve: Serve, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a greenlet without a report of its own raises comes out where it was switched to."""
    client = dial(serve(ECHO), heartbeat=None)

    def fail() -> None:
        client.echo(0)
        raise ValueError("nobody catches this")

    report = io.StringIO()
    monkeypatch.setattr(gevent.get_hub(), "exception_stream", report)
    gevent.spawn_raw(fail)
    calls = [begin(client.echo, number) for number in range(20)]
    assert [outcome(each) for each in calls] == list(range(20))
    assert "nobody catches this" in report.getvalue()


@pytest.mark.parametrize("side", ["server", "client"])
def test_what_interrupts_the_loop_does_not_make_it_deaf(
    serve: Serve, dial: Dial, side: str
) -> None:
    """Ctrl-C can strike anywhere; gevent stops watching a descriptor whose callback raises."""
    server = serve(ECHO, heartbeat=None)
    client = dial(server, heartbeat=None)
    assert client.echo(1) == 1
    pump: Any = server._driver.pump if side == "server" else client._routes._drivers[0].pump
    on_batch = pump.on_batch

    def interrupted(batch: Any) -> None:
        pump.on_batch = on_batch
        raise KeyboardInterrupt

    pump.on_batch = interrupted
    with pytest.raises(KeyboardInterrupt):  # in the main greenlet, as gevent has it
        client.echo(2)
    assert client.echo(3) == 3


class Striking:
    """A pusher, what was pulled from it, and a signal that strikes where it is told to."""

    def __init__(self, keep: Keep) -> None:
        self.pulled: list[int] = []
        puller = keep(zerorpc.Puller({"note": self.pulled.append}))
        self.pusher = keep(zerorpc.Pusher())
        self.pusher.connect(puller.bind(ANY_PORT))
        self.pump: Any = self.pusher._pump
        begin(puller.run)

    def strike_in(self, name: str, count: int) -> None:
        """Have the next call of a function of the pump interrupted by `count` pushes, once."""
        interrupted = getattr(self.pump, name)

        def strike(*args: Any) -> Any:
            setattr(self.pump, name, interrupted)
            result = interrupted(*args)
            signal.raise_signal(signal.SIGUSR1)
            return result

        def push(_number: int, _frame: FrameType | None) -> None:
            for number in range(count):
                self.pusher.note(number)

        signal.signal(signal.SIGUSR1, push)
        setattr(self.pump, name, strike)


@pytest.fixture
def striking(keep: Keep) -> Iterator[Striking]:
    """A pusher whose connection stands."""
    before = signal.getsignal(signal.SIGUSR1)
    made = Striking(keep)
    made.pusher.note(-1)
    wait_until(lambda: made.pulled == [-1], "the connection stands")
    yield made
    signal.signal(signal.SIGUSR1, before)


def push_one(striking: Striking) -> None:
    striking.pusher.note(-2)
    gevent.sleep(0)


def push_many(striking: Striking) -> None:
    for _ in range(MANY):
        striking.pusher.note(-2)


@pytest.mark.parametrize("push", [push_one, push_many])
@pytest.mark.parametrize("place", ["_tx", "_get", "_after_exchange"])
@pytest.mark.parametrize("count", [1, MANY])
def test_a_signal_handler_may_push_wherever_it_strikes(
    striking: Striking, push: Callable[[Striking], None], place: str, count: int
) -> None:
    """In the midst of another push, too; it must neither wait for that nor be forgotten by it."""
    striking.strike_in(place, count)
    push(striking)
    wait_until(lambda: [each for each in striking.pulled if each >= 0] == list(range(count)), "all")
