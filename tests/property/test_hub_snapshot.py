"""A broker that moves to another process, whenever it does, decides as one that stays."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgpack import packb, unpackb

from tests.unit.daemons.hub.hubs import Hub, request
from zerorpc_hub.calls import Client, Frames
from zerorpc_hub.policy import Policy, PoolPolicy
from zerorpc_hub.snapshot import Restoration, export
from zerorpc_hub.switch import Send

# One worker at a time in each place: which of equals gets a call is left to chance, and two
# brokers need not agree on it.
PLACES: dict[str, dict[str, Any]] = {
    "w1": {"pool": "default"},
    "w2": {"pool": "default", "is_backup": True},
    "w3": {"pool": "gets"},
}
POLICY = Policy(
    name="h",
    pools=(
        ("gets", PoolPolicy(methods=("get*",), max_inflight=2)),
        ("default", PoolPolicy(balance="least-ewma", max_inflight=3, slow_start=5.0)),
    ),
    queue_max=6,
    queue_timeout=4.0,
    idempotent=("get_safely",),
    retry_share=0.5,
    retry_per_second=0.2,
    idle=6.0,
)
METHODS = st.sampled_from(("get", "get_safely", "put", "large"))
CLIENTS = st.sampled_from(("c1", "c2"))
WORKERS = st.sampled_from(sorted(PLACES))
NUMBERS = st.integers(min_value=0, max_value=7)
STEPS = st.one_of(
    st.tuples(st.just("call"), CLIENTS, METHODS, st.sampled_from((None, 1500, 30_000))),
    st.tuples(
        st.just("say"), CLIENTS, NUMBERS, st.sampled_from(("_zpc_hb", "_zpc_more", "_zpc_close"))
    ),
    st.tuples(
        st.just("answer"), WORKERS, NUMBERS, st.sampled_from(("OK", "ERR", "STREAM", "_zpc_hb"))
    ),
    st.tuples(st.just("come"), WORKERS),
    st.tuples(st.just("lose"), WORKERS, st.integers(min_value=0, max_value=3)),
    st.tuples(st.just("turn"), WORKERS, st.sampled_from(("pause", "resume", "drain", "undrain"))),
    st.tuples(st.just("leave"), CLIENTS),
    st.tuples(st.just("wait"), st.sampled_from((0.1, 1.0, 3.0))),
)


class World(Hub):
    """A hub whose peers are known by name, so that a script means the same to two of them."""

    def __init__(self) -> None:
        super().__init__(POLICY)
        self.clients: dict[str, Client] = {}
        self.said: list[Any] = []
        self.sent: dict[str, list[Frames]] = {}
        self.serial = 0

    def deliver(self, sends: list[Send]) -> None:
        for peer, frames in sends:
            header, *rest = unpackb(frames[-1])
            # What a hub says itself has an id of its own making.
            header.pop("message_id")
            self.said.append((peer, [bytes(each) for each in frames[:-1]], header, rest))
            self.sent.setdefault(peer, []).append(frames)

    def move(self) -> None:
        """Go on with another broker, made from the state of this one."""
        peers = [*self.clients, *self.workers]
        state = unpackb(packb(export(self.broker, peers.index)), strict_map_key=False)
        stayed = export(self.broker, peers.index)
        fresh = Hub(POLICY)
        restored = Restoration(fresh.broker, state, dict(enumerate(peers)), self.now)
        assert restored.sends == []
        assert export(fresh.broker, peers.index) == stayed
        self.broker = fresh.broker
        self.clients = {client.name: client for client in restored.clients}
        self.workers = {worker.name: worker for worker in restored.workers}

    def do(self, step: tuple[Any, ...]) -> None:
        """Do what a step of a script says, as far as those concerned are there."""
        self.now += 0.01
        getattr(self, f"do_{step[0]}")(*step[1:])

    def do_call(self, name: str, method: str, deadline_ms: int | None) -> None:
        if name not in self.clients:
            self.clients[name] = self.client(name)
        self.serial += 1
        timing = {} if deadline_ms is None else {"deadline_ms": deadline_ms}
        body = b"x" * 5000 if method == "large" else b""
        call_id = b"%032d" % self.serial
        _, frames = request(method, body, call_id=call_id, **timing)
        self.from_client(self.clients[name], frames)

    def do_say(self, name: str, number: int, event: str) -> None:
        client = self.clients.get(name)
        if client is not None and number < len(client.calls):
            self.say(client, unpackb(list(client.calls)[number]), event, [1])

    def do_answer(self, name: str, number: int, event: str) -> None:
        worker = self.workers.get(name)
        opened = [
            frames
            for frames in self.sent.get(name, ())
            if "response_to" not in unpackb(frames[-1])[0]
        ]
        if worker is not None and number < len(opened):
            self.answer(worker, opened[-1 - number], event, ["Error", "text", None])

    def do_come(self, name: str) -> None:
        if name not in self.workers:
            self.sent[name] = []
            self.worker(name, **PLACES[name])

    def do_lose(self, name: str, unsent: int) -> None:
        worker = self.workers.pop(name, None)
        if worker is not None:
            self.lose(worker, unsent)

    def do_turn(self, name: str, how: str) -> None:
        worker = self.workers.get(name)
        if worker is None:
            return
        turn = getattr(self.broker, how)
        sends = turn(worker) if how == "pause" else turn(worker, self.now)
        self.deliver(sends or [])

    def do_leave(self, name: str) -> None:
        client = self.clients.pop(name, None)
        if client is not None:
            self.leave(client)

    def do_wait(self, seconds: float) -> None:
        self.wait(seconds)


@given(st.lists(st.tuples(STEPS, st.booleans()), max_size=60))
def test_moving_changes_nothing(script: list[tuple[tuple[Any, ...], bool]]) -> None:
    staying, moving = World(), World()
    for step, moves in script:
        if moves:
            moving.move()
        staying.do(step)
        moving.do(step)
        assert moving.said == staying.said
        staying.said.clear()
        moving.said.clear()
