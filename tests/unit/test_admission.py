"""Who is let in: limits in all and per peer, and draining."""

from __future__ import annotations

from zerorpc.admission import Admission
from zerorpc.limits import Limits

A, B = (b"A",), (b"B", b"hop")


def refused(admission: Admission, envelope: tuple[bytes, ...]) -> str | None:
    """Return the name of the ERR, None if there is none."""
    refusal = admission.admit(envelope)
    return refusal[0] if refusal else None


def test_all_are_let_in_while_there_is_room() -> None:
    admission = Admission(Limits(channels=3, channels_per_peer=2))
    for envelope in (A, A, B):
        assert refused(admission, envelope) is None
    assert not admission.refused


def test_room_is_limited_in_all_and_per_peer() -> None:
    admission = Admission(Limits(channels=3, channels_per_peer=2))
    for envelope in (A, A):
        assert admission.admit(envelope) is None
    assert admission.admit(A) == (
        "Overloaded",
        "this peer has 2 calls open, no more are taken",
    )
    assert admission.admit(B) is None
    assert admission.admit(B) == ("Overloaded", "3 calls are open, no more are taken")
    assert admission.refused == {"Overloaded": 2}


def test_hops_behind_one_peer_count_as_that_peer() -> None:
    admission = Admission(Limits(channels_per_peer=1))
    assert admission.admit((b"B", b"one")) is None
    assert refused(admission, (b"B", b"other")) == "Overloaded"


def test_what_is_over_makes_room() -> None:
    admission = Admission(Limits(channels=1, channels_per_peer=1))
    for _ in range(3):
        assert refused(admission, A) is None
        assert refused(admission, A) == "Overloaded"
        admission.closed(A)


def test_nobody_is_let_in_while_draining() -> None:
    admission = Admission(Limits())
    admission.is_draining = True
    assert refused(admission, A) == "Draining"
    admission.is_draining = False
    assert refused(admission, A) is None
    assert admission.refused == {"Draining": 1}
