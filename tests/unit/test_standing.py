"""Which connections stand, told from reports that do not say whose handshake succeeded."""

from __future__ import annotations

from zerorpc.transport.standing import Standing


def standing(*descriptors: int) -> Standing:
    made = Standing()
    for descriptor in descriptors:
        made.begin(descriptor)
        made.succeed()
    return made


def test_what_stood_is_lost_once() -> None:
    connections = standing(7)
    assert connections.end(7)
    assert not connections.end(7)


def test_what_never_stood_is_no_loss_of_what_does() -> None:
    connections = standing(7)
    connections.begin(8)
    assert not connections.end(8)
    assert connections.end(7)


def test_of_two_handshakes_the_one_that_ends_has_failed() -> None:
    for first, second in [(8, 9), (9, 8)]:
        connections = standing(7)
        connections.begin(first)
        connections.begin(second)
        connections.succeed()
        assert not connections.end(8)
        assert connections.end(9)
        assert connections.end(7)


def test_of_two_handshakes_that_succeed_each_end_is_a_loss() -> None:
    connections = standing()
    connections.begin(8)
    connections.begin(9)
    connections.succeed()
    connections.succeed()
    assert connections.end(9)
    assert connections.end(8)


def test_a_loss_beside_a_handshake_that_dallies_is_told_when_that_ends() -> None:
    connections = standing()
    connections.begin(8)
    connections.begin(9)
    connections.succeed()  # of 9, which nobody can know
    assert not connections.end(9)
    assert connections.end(8)
    connections.begin(8)
    assert not connections.end(8)


def test_a_success_may_be_told_before_the_beginning_by_another_thread() -> None:
    connections = standing()
    connections.succeed()
    connections.begin(8)
    assert connections.end(8)


def test_a_descriptor_that_is_used_again_tells_of_the_end_of_the_first() -> None:
    connections = standing(7)
    assert connections.begin(7)
    assert not connections.end(7)


def test_a_socket_with_one_connection_has_no_other_handshake() -> None:
    connections = standing()
    connections.begin(7)  # left in silence
    connections.begin(8, is_only=True)
    connections.succeed()
    assert connections.end(8)


def test_an_end_that_was_taken_for_anothers_shows_when_that_one_succeeds() -> None:
    connections = Standing()
    connections.begin(8)
    connections.begin(9)
    assert not connections.succeed()  # of 9, which nobody can know
    assert not connections.end(9)
    assert connections.succeed()  # so that was not 8
    assert connections.end(8)
    connections.begin(10)
    assert not connections.end(10)  # and nothing is left over for who comes later
