"""Which endpoints cannot both be listened at, as the system would tell at the start."""

from __future__ import annotations

import pytest

from zerorpc_hub.overlap import spot

CLASHES = (
    ("tcp://*:1", "tcp://127.0.0.1:1"),
    ("tcp://*:1", "tcp://[::]:1"),
    ("tcp://0:1", "tcp://localhost:1"),
    ("tcp://localhost:1", "tcp://127.0.0.1:1"),
    ("tcp://[::]:1", "tcp://192.0.2.1:1"),
    ("tcp://[::]:1", "tcp://[::1]:1"),
    ("tcp://[::]:1", "tcp://worker.example:1"),
    ("tcp://[::1]:1", "tcp://[0::1]:1"),
    ("tcp://[::ffff:127.0.0.1]:1", "tcp://127.0.0.1:1"),
    ("tcp://Host:1", "tcp://host:1"),
    ("ipc://a", "ipc://a"),
)
BOTH = (
    ("tcp://*:1", "tcp://*:2"),
    ("tcp://*:0", "tcp://*:*"),
    ("tcp://127.0.0.1:1", "tcp://127.0.0.2:1"),
    ("tcp://*:1", "tcp://[::1]:1"),
    ("tcp://127.0.0.1:1", "tcp://[::1]:1"),
    # It may have an address of IPv6 only: the start will tell.
    ("tcp://*:1", "tcp://worker.example:1"),
    ("ipc://1", "tcp://*:1"),
    ("ipc://a", "ipc://b"),
)


@pytest.mark.parametrize(("one", "other"), CLASHES)
def test_some_cannot_be_had_together(one: str, other: str) -> None:
    assert spot(one).overlaps(spot(other))
    assert spot(other).overlaps(spot(one))


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_others_can(one: str, other: str) -> None:
    assert not spot(one).overlaps(spot(other))
    assert not spot(other).overlaps(spot(one))
