"""How late the loop is, told by the ticks of a timer."""

from __future__ import annotations

from zerorpc_daemon.lag import LoopLag


def test_ticks_in_time_are_no_lag() -> None:
    lag = LoopLag(0.5, 0.0)
    lag.tick(0.5)
    lag.tick(0.9)
    assert (lag.latest, lag.worst, lag.ailment) == (0.0, 0.0, None)


def test_a_late_tick_is_an_ailment_until_the_next_in_time() -> None:
    lag = LoopLag(0.5, 0.0)
    lag.tick(5.5)
    assert lag.ailment == "the event loop was held up for 5.0 s"
    lag.tick(6.0)
    assert (lag.latest, lag.worst) == (0.0, 5.0)
    assert not lag.ailment


def test_the_worst_is_forgotten_after_a_minute_or_two() -> None:
    lag = LoopLag(0.5, 0.0)
    lag.tick(2.0)
    for tick in range(1, 62):
        lag.tick(2.0 + tick / 2)
    assert lag.worst == 1.5
    for tick in range(62, 300):
        lag.tick(2.0 + tick / 2)
    assert lag.worst == 0.0
