"""Every scenario that has a size, in the order in which the soak runs them."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.faults import (
    client_faults,
    connection_faults,
    heartbeats,
    memory,
    server_faults,
)
from tests.integration.faults.size import Facts, Size
from tests.integration.hub import (
    haproxy,
    overload,
    peer_faults,
    replacing,
    rolling,
    worker_faults,
)

SCENARIOS: tuple[Callable[[Size], Facts], ...] = (
    *server_faults.SCENARIOS,
    *connection_faults.SCENARIOS,
    *client_faults.SCENARIOS,
    *heartbeats.SCENARIOS,
    *memory.SCENARIOS,
    *worker_faults.SCENARIOS,
    *peer_faults.SCENARIOS,
    *overload.SCENARIOS,
    *rolling.SCENARIOS,
    *replacing.SCENARIOS,
    *haproxy.SCENARIOS,
)
