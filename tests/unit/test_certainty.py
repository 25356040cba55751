"""When the silence of a peer is certain."""

from __future__ import annotations

from zerorpc.transport.certainty import Certainty


def test_a_look_in_time_is_certain_if_all_was_read() -> None:
    certainty = Certainty()
    assert certainty.is_given(0.09, 10.0, is_drained=True)
    assert not certainty.is_given(0.0, 10.1, is_drained=False)
    assert certainty.is_given(0.0, 10.2, is_drained=True)


def test_the_first_look_after_a_stall_is_in_doubt_until_the_socket_has_caught_up() -> None:
    certainty = Certainty()
    assert not certainty.is_given(3.0, 10.0, is_drained=True)
    assert not certainty.is_given(0.0, 10.04, is_drained=True)  # another deadline came sooner
    assert certainty.is_given(0.0, 10.06, is_drained=True)


def test_the_second_look_is_certain_however_late_it_comes() -> None:
    certainty = Certainty()
    for start in (10.0, 20.0):  # and the next stall is in doubt again
        assert not certainty.is_given(0.2, start, is_drained=True)
        assert not certainty.is_given(0.2, start + 0.2, is_drained=False)
        assert certainty.is_given(0.2, start + 0.4, is_drained=True)
