"""A broker as plain data, and back: what another process needs to go on with every call.

Sans-IO. Instants stay as they are, since the clock is the machine's; peers become numbers. What a
policy decides is taken from the new broker's, so that another configuration may be in force there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Call, Client, Frames, Worker
from zerorpc_hub.keeping import held_bytes
from zerorpc_hub.statistics import Counters, Method, Traffic, histogram
from zerorpc_hub.switch import Send

Plain = dict[str, Any]
Number = Callable[[Any], int]

# What is taken over as it is.
_OF_CALL = (
    *("version", "opened", "sent", "heard", "expires", "gap", "token", "attempts"),
    *("is_answered", "is_counted"),
)
_OF_WORKER = (
    *("joined", "weight", "is_backup", "handed", "is_draining", "is_leaving", "is_busy"),
    *("is_paused", "until", "failures", "ejections", "ping_token"),
)


def export(broker: Broker, number: Number) -> Plain:
    """Return a broker as what MessagePack can hold; `number` tells that of a peer."""
    switch = broker.switch
    workers = {worker: index for index, worker in enumerate(broker.workers)}
    clients = {client: index for index, client in enumerate(broker.clients)}
    # Rows know their names as text, from which bytes that are no text cannot be had back.
    keys = {row: key for rows in switch.methods.values() for key, row in rows.items()}
    return {
        "methods": {
            endpoint: {key: _method(row) for key, row in rows.items()}
            for endpoint, rows in switch.methods.items()
        },
        "clients": [_client(client, workers, keys, number) for client in clients],
        "workers": [_worker(worker, number) for worker in workers],
        "queued": [
            (clients[call.client], call.id, pool.queue.since(call))
            for pool in switch.pools
            for call in pool.queue
        ],
        "turns": {
            pool.name: [clients[client] for client in pool.queue.turns.order]
            for pool in switch.pools
        },
        "latency": {pool.name: pool.latency for pool in switch.pools},
        "traffic": _traffic(switch.traffic),
        "times": broker.times(),
    }


def _method(row: Method) -> Plain:
    return {
        "name": row.name,
        "pool": row.pool,
        "is_idempotent": row.is_idempotent,
        "counters": row.counters.plain(),
        "latency": row.latency,
        "wait": row.wait,
    }


def _client(
    client: Client, workers: Mapping[Worker, int], keys: Mapping[Method, bytes], number: Number
) -> Plain:
    return {
        "peer": number(client.peer),
        "name": client.name,
        "endpoint": client.endpoint,
        "opened": client.opened,
        "calls": [
            {
                "id": call.id,
                "method": keys[call.method],
                "worker": None if call.worker is None else workers[call.worker],
                **_words(call),
                **{name: getattr(call, name) for name in _OF_CALL},
            }
            for call in client.calls.values()
        ],
    }


def _words(call: Call) -> Plain:
    return {
        "envelope": _plain(call.envelope),
        "kept": None if call.kept is None else _plain(call.kept),
        "later": None if call.later is None else list(map(_plain, call.later)),
    }


def _plain(frames: Frames) -> list[bytes]:
    return [bytes(frame) for frame in frames]


def _worker(worker: Worker, number: Number) -> Plain:
    return {
        "peer": number(worker.peer),
        "name": worker.name,
        "endpoint": worker.endpoint,
        "pool": worker.pool,
        "ewma": worker.ewma,
        "counters": worker.counters.plain(),
        "latency": worker.latency,
        "wait": worker.wait,
        # No one but the worker knows them any more: all that is needed is to wait for their end.
        "orphans": [(token, call.heard, call.gap) for token, call in worker.orphans.items()],
        **{name: getattr(worker, name) for name in _OF_WORKER},
    }


def _traffic(traffic: Traffic) -> Plain:
    return {
        "from_clients": traffic.from_clients,
        "from_workers": traffic.from_workers,
        "calls": traffic.calls.plain(),
        "dropped": dict(traffic.dropped),
        "refused": dict(traffic.refused),
    }


# -- and back ----------------------------------------------------------------------------------


class Restoration:
    """One new broker, made to go on where another was; `peers` are those that numbers stood for.

    Afterwards `sends` is what is to be sent: another policy may let calls go that had to wait.
    """

    def __init__(self, broker: Broker, state: Plain, peers: Mapping[int, Any], now: float) -> None:
        self._broker, self._switch, self._now = broker, broker.switch, now
        self.workers = [self._worker(each, peers) for each in state["workers"]]
        for endpoint, rows in state["methods"].items():
            methods = self._switch.methods_of(endpoint)
            methods.update({key: self._method(key, each) for key, each in rows.items()})
        self.clients = [self._client(each, peers) for each in state["clients"]]
        for pool in self._switch.pools:
            pool.latency = state["latency"].get(pool.name, pool.latency)
        # After its calls are there: its place in the balance depends on them.
        for worker, each in zip(self.workers, state["workers"], strict=True):
            # Client by client they came back; who loses a worker hears of it in the calls' order.
            oldest = sorted(worker.calls, key=worker.age_of, reverse=True)
            worker.calls = {token: worker.calls[token] for token in oldest}
            self._join(worker, each["ewma"])
        self._switch.wait_on(
            (self.clients[index].calls[call_id], since) for index, call_id, since in state["queued"]
        )
        for pool in self._switch.pools:
            if pool.name in state["turns"]:
                order = state["turns"][pool.name]
                pool.queue.turns.resume(self.clients[index] for index in order)
        self._count(state["traffic"])
        self.sends: list[Send] = broker.inherit(state["times"], now)

    def _worker(self, state: Plain, peers: Mapping[int, Any]) -> Worker:
        worker = Worker(peers[state["peer"]], state["name"], state["endpoint"], self._now)
        for name in _OF_WORKER:
            setattr(worker, name, state[name])
        self._switch.assign(worker, state["pool"])
        _fill(worker.counters, state["counters"])
        worker.latency[:] = state["latency"]
        # Hubs of before did not count it.
        worker.wait[:] = state.get("wait") or histogram()
        nobody = Client(None, "", "", {})
        nothing = Method(b"", worker.pool_index, is_idempotent=False)
        for token, heard, gap in state["orphans"]:
            orphan = worker.orphans[token] = Call(b"", nobody, nothing, (), heard)
            orphan.token, orphan.gap = token, gap
        return worker

    def _join(self, worker: Worker, ewma: float) -> None:
        pool = self._switch.pools[worker.pool_index]
        self._broker.workers[worker] = None
        pool.join(worker, self._now)
        worker.ewma = ewma
        pool.gave(worker)

    def _method(self, key: bytes, state: Plain) -> Method:
        row = self._switch.describe(key)
        if row.name != state["name"]:
            # One that stands for others: its key is no name, and says nothing to a policy.
            row.name, row.is_idempotent = state["name"], state["is_idempotent"]
            row.pool, row.pool_index = state["pool"], self._switch.index_of(state["pool"])
        _fill(row.counters, state["counters"])
        row.latency[:], row.wait[:] = state["latency"], state["wait"]
        return row

    def _client(self, state: Plain, peers: Mapping[int, Any]) -> Client:
        peer, endpoint = peers[state["peer"]], state["endpoint"]
        client = self._broker.add_client(peer, state["name"], endpoint)
        client.opened = state["opened"]
        for each in state["calls"]:
            self._call(client, each)
        return client

    def _call(self, client: Client, state: Plain) -> None:
        call = Call(state["id"], client, client.methods[state["method"]], (), self._now)
        call.kept, call.later = state["kept"], state["later"]
        call.envelope = state["envelope"]
        for name in _OF_CALL:
            setattr(call, name, state[name])
        client.calls[call.id] = call
        self._switch.ids.add(call.id)
        if call.is_counted:
            self._switch.kept.bytes += held_bytes(call)
        if state["worker"] is not None:
            call.worker = self.workers[state["worker"]]
            call.worker.calls[call.token] = call

    def _count(self, state: Plain) -> None:
        traffic = self._switch.traffic
        traffic.from_clients, traffic.from_workers = state["from_clients"], state["from_workers"]
        _fill(traffic.calls, state["calls"])
        traffic.dropped.update(state["dropped"])
        traffic.refused.update(state["refused"])


def _fill(counters: Counters, state: Mapping[str, int]) -> None:
    for name, count in state.items():
        setattr(counters, name, count)
