"""What a peer makes us keep for it is bounded: ids and envelopes too, which come back to it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.multiplexers import feed, request, server
from zerorpc.beats import unseen_calls


@pytest.mark.parametrize("channel_id", [b"x" * 255, "x" * 255, 2**64 - 1])
def test_ids_of_any_sensible_length_are_taken(channel_id: Any) -> None:
    assert feed(server(), request(channel_id)).opened


@pytest.mark.parametrize("channel_id", [b"x" * 256, "x" * 256, b"x" * 10_000_000])
def test_longer_ids_are_not_kept(channel_id: Any) -> None:
    """Each answer and heartbeat would carry it, and the channel keeps it twice."""
    serving = server()
    step = feed(serving, request(channel_id))
    assert not step.opened
    assert not step.send
    assert serving.dropped == {"bad_id": 1}


@pytest.mark.parametrize("hops", [1, 10, 200])
def test_envelopes_of_many_hops_are_taken(hops: int) -> None:
    (opened,) = server().receive([[b"peer", *[b"hop"] * hops, b"", request()]], 0.0).opened
    assert len(opened.channel.envelope) == hops + 1


@pytest.mark.parametrize("routing", [[b"x" * 100_000], [b""] * 5000, [b"x" * 1000] * 100])
def test_longer_envelopes_are_not_kept(routing: list[bytes]) -> None:
    serving = server()
    step = serving.receive([[b"peer", *routing, b"", request()]], 0.0)
    assert not step.opened
    assert not step.send
    assert serving.dropped == {"long_envelope": 1}
    assert not unseen_calls(serving, [[b"peer", *routing, b"", request()]], 0.0)


def test_peers_that_go_together_are_looked_for_together() -> None:
    serving = server()
    peers = [b"peer %d" % number for number in range(5)]
    opened = {peer: feed(serving, request(), peer=peer).opened[0].channel for peer in peers}
    step = serving.lose(set(peers[:3]), "their network broke")
    assert step.woken == [opened[peer] for peer in peers[:3]]
    assert [channel.envelope[0] for channel in serving.channels.values()] == peers[3:]
