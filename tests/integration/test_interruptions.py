"""What goes wrong in the middle of everything harms nothing else: the loop and the rest go on."""

from __future__ import annotations

import io
from typing import Any

import gevent
import pytest

from tests.integration.running import Dial, Serve, begin, outcome

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
