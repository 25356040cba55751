"""Another policy for the calls and workers that are there: nothing that runs is touched.

Sans-IO. Pools are made anew; workers and the calls that wait go where the new policy has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zerorpc_hub.calls import Worker
from zerorpc_hub.policy import Policy
from zerorpc_hub.switch import Switch


@dataclass(frozen=True, slots=True)
class Place:
    """What workers at an endpoint are for, and what they are worth."""

    pool: str
    weight: int = 1
    is_backup: bool = False


def revise(switch: Switch, policy: Policy, places: Mapping[str, Place], now: float) -> None:
    """Put a policy in force; `places` are those of workers by endpoint, as far as it has them."""
    before = switch.pools
    waiting = [(call, pool.queue.since(call)) for pool in before for call in pool.queue]
    switch.policy = policy
    switch.pools = switch.make_pools()
    for rows in switch.methods.values():
        for key, row in rows.items():
            fresh = switch.describe(key)
            if fresh.name == row.name:
                row.pool, row.pool_index = fresh.pool, fresh.pool_index
                row.is_idempotent = fresh.is_idempotent
            else:
                # One that stands for others: its key is no name, and says nothing to a policy.
                row.pool_index = switch.index_of(row.pool)
    latency = {pool.name: pool.latency for pool in before}
    for pool in switch.pools:
        pool.latency = latency.get(pool.name, pool.latency)
    for old in before:
        for worker in old.workers:
            _place(switch, worker, places.get(worker.endpoint))
            _join(switch, worker, now)
    switch.wait_on(waiting)


def _place(switch: Switch, worker: Worker, place: Place | None) -> None:
    pool = worker.pool
    if place is not None:
        worker.weight, worker.is_backup, pool = place.weight, place.is_backup, place.pool
    switch.assign(worker, pool)


def _join(switch: Switch, worker: Worker, now: float) -> None:
    pool, ewma = switch.pools[worker.pool_index], worker.ewma
    worker.is_eligible = False  # the balance that held it is gone
    pool.join(worker, now)
    worker.ewma = ewma
    pool.gave(worker)
