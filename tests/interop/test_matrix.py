"""Every direction x every interaction, each in real processes that talk over real sockets.

The table says what is asked of whom.  A peer that cannot do a thing at all is not in its row:
zerorpc-node has no push/pull, no publish/subscribe and no command line.

A row marked `is_slow` waits for heartbeats; all such cells start together, at the session's first
cell, so that they wait at the same time.

INTEROP_REFERENCE=1 adds the pairs without us.  They prove nothing of ours, but tell a fault of the
harness from a fault of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.interop import calls, command_line, introspection, losses, oneway, streams
from tests.interop.pairs import Direction, Pair, Peers
from tests.interop.peer_process import PATIENCE, absence, require

OURS_OURS = Direction("ours", "ours")
OURS_STOCK = Direction("ours", "stock")
STOCK_OURS = Direction("stock", "ours")
OURS_NODE = Direction("ours", "node")
NODE_OURS = Direction("node", "ours")

STOCK_STOCK = Direction("stock", "stock")
STOCK_NODE = Direction("stock", "node")
NODE_NODE = Direction("node", "node")
NODE_STOCK = Direction("node", "stock")

PYTHONS = (OURS_OURS, OURS_STOCK, STOCK_OURS)
EVERY = (*PYTHONS, OURS_NODE, NODE_OURS)
TO_PYTHON = (*PYTHONS, NODE_OURS)
TO_OURS = (OURS_OURS, STOCK_OURS, NODE_OURS)
FROM_OURS = (OURS_OURS, OURS_STOCK, OURS_NODE)

# Each pair without us, and the pair with us that must be able to do the same.  From node to stock
# is left out: the first longer stream freezes that server (B1).
REFERENCE = {
    STOCK_STOCK: OURS_STOCK,
    STOCK_NODE: OURS_NODE,
}
# The hub stands between these too, and changes nothing of what they can do directly.
STRANGERS = (STOCK_STOCK, STOCK_NODE, NODE_NODE, NODE_STOCK)

Interaction = Callable[[Peers, Direction], None]


@dataclass(frozen=True)
class Row:
    """An interaction and the directions in which it must hold.

    `needs_us` marks what is not to be had without us, so that the reference pairs are not asked.
    `has_hub` marks what is asked again with a hub between the two, `has_streams` what freezes a
    stock server that a node client asks (B1).
    """

    name: str
    interact: Interaction
    directions: tuple[Direction, ...]
    is_slow: bool = False
    needs_us: bool = False
    has_hub: bool = False
    has_streams: bool = False

    def through_hub(self) -> Iterator[Direction]:
        """Yield the directions in which it must hold through a hub."""
        if not self.has_hub:
            return
        yield from self.directions
        # Slow ones start processes of their own, of which two cores bear only so many.
        strangers = STRANGERS[:1] if self.is_slow else STRANGERS
        for pair in () if self.needs_us else strangers:
            halves = (Direction(pair.client, "ours"), Direction("ours", pair.server))
            is_frozen = self.has_streams and pair == NODE_STOCK
            if set(halves) <= set(self.directions) and not is_frozen:
                yield pair


@dataclass(frozen=True)
class Cell:
    """One interaction in one direction, direct or through a hub."""

    row: Row
    direction: Direction
    is_direct: bool = True

    def __str__(self) -> str:
        way = "" if self.is_direct else "hub:"
        return f"{way}{self.direction}:{self.row.name}".replace(" ", "-")

    def run(self, peers: Peers, hub_peers: Peers) -> None:
        """Let the two talk."""
        self.row.interact(peers if self.is_direct else hub_peers, self.direction)


def shared(interact: Callable[[Pair], None]) -> Interaction:
    """Return an interaction that any running pair will do for."""
    return lambda peers, direction: interact(peers.shared(direction))


MATRIX = [
    Row("call", shared(calls.call_returns), EVERY, has_hub=True),
    Row("values", shared(calls.values_survive), EVERY, has_hub=True),
    Row("large integers", shared(calls.large_integers_survive), PYTHONS, has_hub=True),
    Row("any map key", shared(calls.any_key_survives), (OURS_OURS,), has_hub=True),
    Row("concurrent calls", shared(calls.concurrent_calls_return), EVERY, has_hub=True),
    Row(
        "slow call", shared(calls.slow_call_outlives_heartbeats), EVERY, is_slow=True, has_hub=True
    ),
    Row("error", shared(calls.method_raises), EVERY, has_hub=True),
    Row("other errors", shared(calls.node_method_refuses_otherwise), (OURS_NODE,), has_hub=True),
    Row("unknown method", shared(calls.unknown_method), EVERY, is_slow=True, has_hub=True),
    Row("wrong arguments", shared(calls.wrong_number_of_arguments), EVERY, has_hub=True),
    Row("unsendable result", shared(calls.unsendable_result), TO_PYTHON, has_hub=True),
    Row("timeout", shared(calls.call_times_out), EVERY, is_slow=True, has_hub=True),
    Row("client binds", calls.client_binds, EVERY),
    Row("context", calls.context_travels, PYTHONS, has_hub=True),
    Row("stream", shared(streams.short_streams), EVERY, has_hub=True, has_streams=True),
    Row("empty stream", shared(streams.empty_stream), EVERY, has_hub=True, has_streams=True),
    Row(
        "interleaved streams",
        shared(streams.interleaved_streams),
        EVERY,
        has_hub=True,
        has_streams=True,
    ),
    Row(
        "error in mid-stream",
        shared(streams.error_in_mid_stream),
        EVERY,
        has_hub=True,
        has_streams=True,
    ),
    Row(
        "back-pressure", shared(streams.slow_reader_holds_back_the_producer), PYTHONS, has_hub=True
    ),
    Row("slots", shared(streams.slots_bound_the_window), PYTHONS, is_slow=True, has_hub=True),
    Row(
        "slow reader",
        shared(streams.slow_reader_gets_everything),
        (OURS_NODE,),
        is_slow=True,
        has_hub=True,
    ),
    Row(
        "many streams",
        shared(streams.many_streams),
        EVERY,
        is_slow=True,
        needs_us=True,
        has_hub=True,
    ),
    Row("early close", shared(streams.stream_dropped_early), PYTHONS, is_slow=True, has_hub=True),
    Row(
        "early close",
        shared(streams.stream_of_node_dropped_early),
        (OURS_NODE,),
        needs_us=True,
        has_hub=True,
    ),
    Row("early close", losses.node_client_drops_stream, (NODE_OURS,), needs_us=True, has_hub=True),
    Row("server freezes", losses.server_freezes, EVERY, is_slow=True, has_hub=True),
    Row("server dies", losses.server_dies, EVERY, is_slow=True, has_hub=True),
    Row("client freezes", losses.client_freezes, TO_PYTHON, is_slow=True, has_hub=True),
    Row("client dies", losses.client_dies, TO_PYTHON, is_slow=True, has_hub=True),
    Row(
        "handler blocks", losses.handler_blocks, TO_OURS, is_slow=True, needs_us=True, has_hub=True
    ),
    Row(
        "handler spins",
        losses.handler_spins,
        (STOCK_OURS,),
        is_slow=True,
        needs_us=True,
        has_hub=True,
    ),
    Row("push, puller binds", oneway.push_pull(speaker_binds=False), PYTHONS, has_hub=True),
    Row("push, pusher binds", oneway.push_pull(speaker_binds=True), PYTHONS),
    Row(
        "publish, subscriber binds",
        oneway.publish_subscribe(speaker_binds=False),
        PYTHONS,
        has_hub=True,
    ),
    Row("publish, publisher binds", oneway.publish_subscribe(speaker_binds=True), PYTHONS),
    Row(
        "introduction",
        shared(introspection.python_server_introduces_itself),
        TO_PYTHON,
        has_hub=True,
    ),
    Row(
        "introduction",
        shared(introspection.node_server_introduces_itself),
        (OURS_NODE,),
        has_hub=True,
    ),
    Row(
        "signatures",
        shared(introspection.server_tells_signatures),
        TO_OURS,
        needs_us=True,
        has_hub=True,
    ),
    Row(
        "signatures",
        shared(introspection.stock_server_tells_signatures),
        (OURS_STOCK,),
        has_hub=True,
    ),
    Row("our command lists", command_line.ours_lists, FROM_OURS, needs_us=True, has_hub=True),
    Row("our command calls", command_line.ours_calls, FROM_OURS, needs_us=True, has_hub=True),
    Row("our command fails", command_line.ours_fails, FROM_OURS, needs_us=True, has_hub=True),
    Row("stock command lists", command_line.stock_lists, (STOCK_OURS,), has_hub=True),
    Row("stock command calls", command_line.stock_calls, (STOCK_OURS,), has_hub=True),
    Row("command serves", command_line.command_serves, TO_PYTHON),
]


def cells() -> Iterator[Cell]:
    """Yield every cell of the table, in its order."""
    for row in MATRIX:
        directions = list(row.directions)
        if os.environ.get("INTEROP_REFERENCE") and not row.needs_us:
            directions += [pair for pair, like in REFERENCE.items() if like in row.directions]
        for direction in directions:
            yield Cell(row, direction)
        for direction in row.through_hub():
            yield Cell(row, direction, is_direct=False)


@pytest.fixture(scope="session")
def slow_cells(
    request: pytest.FixtureRequest, peers: Peers, hub_peers: Peers
) -> Iterator[dict[Cell, Future[None]]]:
    """Start all slow cells that this session will ask for, a few at a time."""
    wanted = [
        item.callspec.params.get("cell")
        for item in request.session.items
        if hasattr(item, "callspec")
    ]
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield {
            cell: pool.submit(cell.run, peers, hub_peers)
            for cell in wanted
            if isinstance(cell, Cell)
            and cell.row.is_slow
            and not any(map(absence, (cell.direction.client, cell.direction.server)))
        }


@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_interaction(
    cell: Cell, peers: Peers, hub_peers: Peers, slow_cells: dict[Cell, Future[None]]
) -> None:
    """The interaction comes out right in this direction."""
    for kind in (cell.direction.client, cell.direction.server):
        require(kind)
    if cell.row.is_slow:
        slow_cells[cell].result(2 * PATIENCE)
    else:
        cell.run(peers, hub_peers)
