"""Interactions in which one end falls silent or dies, and the other must notice."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from tests.interop.pairs import BEAT, NO_BEAT, Direction, Pair, Peers, connect, new_tag
from tests.interop.peer_process import PATIENCE, PeerError, unexpected

# What each kind of client calls it.
LOST = {"ours": "LostRemote", "stock": "LostRemote", "node": "HeartbeatError"}


def _endless_call(pair: Pair) -> Future[Any]:
    """Start a call that will not end by itself, and return once it is running."""
    pending = pair.call_later("sleep", 3600)
    # This one went the same way after it, so its answer means that both arrived.
    assert pair.call("add", 1, 1) == 2
    return pending


def _expect_lost(pair: Pair, pending: Future[Any]) -> None:
    error = pending.exception(PATIENCE)
    if not isinstance(error, PeerError):
        raise unexpected(error)
    # A hub between the two says so itself, which other clients than ours see as the remote's error.
    assert error.kind == LOST[pair.direction.client] or error.name == "LostRemote", error


def _endless_stream(pair: Pair) -> str:
    """Begin to read a stream that will not end by itself, and return its tag."""
    tag = new_tag()
    with pair.stream("produce", tag, 10**6) as stream:
        assert stream.take(3) == [0, 1, 2]
    return tag


def _expect_ended(peers: Peers, direction: Direction, tag: str) -> None:
    ending = peers.shared(direction).call("ended", tag)
    assert ending in ("LostRemote", "GeneratorExit")


def server_freezes(peers: Peers, direction: Direction) -> None:
    """A silent server ends the call; once it goes on, it is called as before."""
    pair = peers.fresh_server(direction)
    pending = _endless_call(pair)
    pair.server.freeze()
    _expect_lost(pair, pending)
    pair.server.thaw()
    assert pair.call("add", 2, 2) == 4
    pair.server.quit()


def server_dies(peers: Peers, direction: Direction) -> None:
    """A killed server ends the call: ours is told by the connection, others miss its heartbeat."""
    pair = peers.fresh_server(direction, NO_BEAT if direction.client == "ours" else BEAT)
    pending = _endless_call(pair)
    pair.server.quit()
    _expect_lost(pair, pending)


def client_freezes(peers: Peers, direction: Direction) -> None:
    """A silent client ends its stream's generator, whose `finally` runs."""
    pair = peers.fresh_client(direction)
    tag = _endless_stream(pair)
    pair.client.freeze()
    _expect_ended(peers, direction, tag)
    pair.client.quit()


def client_dies(peers: Peers, direction: Direction) -> None:
    """A killed client does so too: ours is told by the connection, stock misses its heartbeat."""
    pair = peers.fresh_client(direction, NO_BEAT if direction.server == "ours" else BEAT)
    tag = _endless_stream(pair)
    pair.client.quit()
    _expect_ended(peers, direction, tag)


def node_client_drops_stream(peers: Peers, direction: Direction) -> None:
    """A node client can drop a stream only with its whole connection, which ends the generator."""
    pair = peers.fresh_client(direction, NO_BEAT)
    tag = _endless_stream(pair)
    pair.client.ask("close", name=pair.name)
    _expect_ended(peers, direction, tag)
    pair.client.quit()


def handler_blocks(peers: Peers, direction: Direction) -> None:
    """A server whose handler holds up the whole process is not taken for dead (B4)."""
    _server_is_busy(peers, direction, "block", "blocked")


def handler_spins(peers: Peers, direction: Direction) -> None:
    """The same while the handler computes, which leaves less to the others than waiting does."""
    _server_is_busy(peers, direction, "spin", "spun")


def _server_is_busy(peers: Peers, direction: Direction, method: str, result: str) -> None:
    """Keep a server busy for longer than silence is forgiven, under the eyes of bystanders.

    One call of another process has begun by then, and one comes while the server is busy.
    """
    pair, other = peers.fresh_server(direction), peers.start(direction.client)
    connect(other, "other", peers.serve(pair.server, BEAT), BEAT)
    bystander = Pair(direction, other, pair.server, "other")
    assert bystander.call("add", 1, 2) == 3
    begun = bystander.call_later("sleep", 0.1)
    busy = pair.call_later(method, 7)
    late = [each.call_later("add", 3, 4) for each in (pair, bystander)]
    assert busy.result(PATIENCE) == result
    assert begun.result(PATIENCE) == "slept"
    assert [each.result(PATIENCE) for each in late] == [7, 7]
    for each in (pair.server, other):
        each.quit()
