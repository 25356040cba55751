"""Whatever clients, workers, operators and time do: no call is lost, answered twice, or moved.

What a single message may be is checked as it is sent, in `hub_world`; here is what may happen, and
what must hold in between and when all is over.
"""

from __future__ import annotations

import sys
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.property.hub_peers import Call, Job, Server, policy_of
from tests.property.hub_world import ANSWERS, KEPT_BYTES, World
from zerorpc_hub.calls import Call as HubCall
from zerorpc_hub.calls import Worker
from zerorpc_hub.keeping import SMALL_BYTES

METHODS = ("free_plain", "free_safe", "bounded_plain", "bounded_safe")
POOLS = ("free", "bounded")
BALANCES = ("least-outstanding", "round-robin", "least-ewma")
# Which of those there are a rule is about: taken modulo their number, so that any number shrinks.
which = st.integers(0, 11)


class Hubs(RuleBasedStateMachine):
    """A hub of two pools."""

    @initialize(
        balance=st.sampled_from(BALANCES),
        eject_after=st.sampled_from((None, 1, 2)),
        slow_start=st.sampled_from((0.0, 3.0)),
        seed=which,
    )
    def begin(self, balance: str, eject_after: int | None, slow_start: float, seed: int) -> None:
        self.eject_after = eject_after
        self.world = World(policy_of(balance, eject_after, slow_start), seed)
        self.world.add_caller(0, 3)
        for pool in (*POOLS, "free"):
            self.world.add_server(pool, 1, is_backup=False)

    # -- who is meant ----------------------------------------------------------------------------

    def _call(self, at: int) -> Call | None:
        """Return one of the last calls of the clients that are there."""
        calls = [call for caller in self.world.callers for call in caller.calls[-6:]]
        return calls[at % len(calls)] if calls else None

    def _server(self, at: int) -> Server:
        servers = self.world.servers
        return servers[at % len(servers)]

    def _job(self, at: int, *, only_well: bool = True) -> tuple[Server, Job] | None:
        jobs = [
            (server, job)
            for server in self.world.servers
            if not (server.is_frozen or (server.is_blocked and only_well))
            for job in server.jobs
        ]
        return jobs[at % len(jobs)] if jobs else None

    # -- clients ---------------------------------------------------------------------------------

    @precondition(lambda self: self.world.callers)
    @rule(
        at=which,
        method=st.sampled_from(METHODS),
        size=st.sampled_from((0, 100, 5000)),
        deadline_ms=st.sampled_from((None, None, 0, 50, 900, 20_000)),
        count=st.integers(1, 6),
    )
    def client_calls(
        self, at: int, method: str, size: int, deadline_ms: int | None, count: int
    ) -> None:
        callers = self.world.callers
        for number in range(count):
            caller = callers[(at + number) % len(callers)]
            self.world.call(caller, method, size, deadline_ms)

    @rule(at=which, name=st.sampled_from(("_zpc_more", "_zpc_hb", "_zpc_close")))
    def client_says(self, at: int, name: str) -> None:
        call = self._call(at)
        if call is not None and call.said < 60:
            self.world.say(call, name)

    # -- workers ---------------------------------------------------------------------------------

    @rule(at=which, most=st.integers(1, 4))
    def worker_reads(self, at: int, most: int) -> None:
        server = self._server(at)
        if not server.is_frozen:
            self.world.serve(server, most)

    @rule(at=which, name=st.sampled_from(("OK", "ERR", "STREAM", "STREAM_DONE")))
    def worker_answers(self, at: int, name: str) -> None:
        found = self._job(at)
        if found is not None:
            args = ["ValueError", "as asked", None] if name == "ERR" else [at]
            self.world.speak(*found, name, args)

    @rule(at=which)
    def worker_beats(self, at: int) -> None:
        found = self._job(at, only_well=False)
        if found is not None:
            self.world.speak(*found, "_zpc_hb", [0])

    @rule(at=which, how=st.sampled_from(("blocked", "frozen", "well", "leaving")))
    def worker_becomes(self, at: int, how: str) -> None:
        server = self._server(at)
        if how == "well":
            self.world.thaw(server)
        elif how == "leaving":
            server.is_leaving = True
        elif how == "frozen":
            server.is_frozen = True
        else:
            server.is_blocked = True

    @precondition(lambda self: len(self.world.servers) > 1)
    @rule(at=which, unsent=st.integers(0, 6))
    def worker_is_lost(self, at: int, unsent: int) -> None:
        self.world.lose(self._server(at), unsent)

    @precondition(lambda self: len(self.world.servers) < 5)
    @rule(pool=st.sampled_from(POOLS), weight=st.integers(1, 3), is_backup=st.booleans())
    def worker_comes(self, pool: str, weight: int, is_backup: bool) -> None:
        self.world.add_server(pool, weight, is_backup=is_backup)

    # -- time, operators, and what is rare -------------------------------------------------------

    @rule(seconds=st.sampled_from((0.001, 0.06, 0.5, 1.1, 2.5, 8.0, 12.0, 70.0)))
    def time_goes_by(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(
        what=st.sampled_from(("come", "go", "same id", "forge", "garbage", "steer", "drain")),
        at=which,
        other=which,
    )
    def something_rare_happens(self, what: str, at: int, other: int) -> None:
        world, server, call = self.world, self._server(at), self._call(other)
        if what == "come" and len(world.callers) < 3:
            world.add_caller(at % 3, 2 + other % 2)
        elif what == "steer":
            world.steer(server, is_drained=not server.is_drained)
        elif what == "drain":
            world.broker.is_draining = at % 3 == 1
        elif call is None:
            return
        elif what == "go":
            world.leave(call.caller)
        elif what == "same id" and call.is_open:
            world.call_again(call, world.callers[at % len(world.callers)])
        elif what == "forge" and not world.knows(server, call.token):
            world.babble(server, call.token)
        elif what == "garbage":
            world.send_garbage(call)

    @precondition(lambda self: not self.world.broker.is_draining)
    @rule()
    def another_process_goes_on(self) -> None:
        self.world.move()

    @rule(balance=st.sampled_from(BALANCES), slow_start=st.sampled_from((0.0, 3.0)))
    def operator_changes_the_policy(self, balance: str, slow_start: float) -> None:
        policy = policy_of(balance, self.eject_after, slow_start)
        self.world.deliver(self.world.broker.revise(policy, {}, self.world.now))

    # -- what holds in between -------------------------------------------------------------------

    @invariant()
    def every_call_is_in_one_place(self) -> None:
        broker = self.world.broker
        calls = [call for call in self.world.calls.values() if call.is_open]
        tables = [call for client in broker.clients for call in client.calls.values()]
        assert {call.id for call in tables} == set(map(_packed, calls)) == broker.switch.ids
        assert sum(len(worker.calls) for worker in broker.workers) == sum(
            call.worker is not None for call in calls
        )
        for pool in broker.switch.pools:
            waiting = self.world.waiting(pool.name)
            assert len(pool.queue) == len(waiting)
            assert pool.queue.bytes == sum(map(_held_bytes, pool.queue))
        for call in calls:
            assert call.worker is None or call.said == call.relayed, "a grant was not passed on"

    @invariant()
    def what_is_kept_is_counted(self) -> None:
        broker = self.world.broker
        kept = [
            (call, _held_bytes(call))
            for worker in broker.workers
            for call in worker.calls.values()
            if call.kept is not None
        ]
        assert all(call.is_counted == (size > SMALL_BYTES) for call, size in kept)
        counted = sum(size for call, size in kept if call.is_counted)
        assert broker.switch.kept.bytes == counted <= KEPT_BYTES

    @invariant()
    def nobody_waits_beside_an_idle_worker(self) -> None:
        for pool in self.world.broker.switch.pools:
            regular = [worker for worker in pool.workers if not worker.is_backup]
            eligible = regular if any(map(_is_usable, regular)) else list(pool.workers)
            assert not (pool.queue and any(worker.may_take for worker in eligible))
            assert all(worker.may_take == worker.is_eligible for worker in pool.workers)
            for worker in pool.workers:
                assert worker.most is None or worker.load <= worker.most

    @invariant()
    def counters_add_up(self) -> None:
        world, switch = self.world, self.world.broker.switch
        fates = Counter(call.fate for call in world.calls.values())
        opened = sum(fates.values()) - fates["refused"]
        answered = sum(fates[name] for name in ANSWERS)
        counted = switch.traffic.calls
        assert counted.opened == opened
        assert (counted.answered, counted.errors) == (answered, fates["ERR"])
        assert (counted.failed, counted.cancelled) == (fates["failed"], fates["cancelled"])
        assert dict(switch.traffic.refused) == dict(world.refused)
        assert dict(switch.traffic.dropped) == dict(+world.dropped)
        assert switch.traffic.from_clients == world.from_clients
        assert switch.traffic.from_workers == world.from_workers
        self._methods_add_up()
        for worker in world.broker.workers:
            mine = worker.counters
            ended = mine.answered + mine.failed + mine.cancelled
            assert mine.opened == ended + len(worker.calls)

    def _methods_add_up(self) -> None:
        tables = self.world.broker.switch.methods.values()
        methods = [method for table in tables for method in table.values()]
        counted = self.world.broker.switch.traffic.calls.plain()
        for name, value in counted.items():
            assert value == sum(method.counters.plain()[name] for method in methods)
        assert counted["answered"] == sum(sum(method.latency) for method in methods)
        assert self.world.dispatched == sum(sum(method.wait) for method in methods)

    # -- the end ---------------------------------------------------------------------------------

    def teardown(self) -> None:
        if sys.exc_info()[0] is not None:
            return  # something went wrong before, and that is what has to be seen
        world = self.world
        world.finish(is_abrupt=world.broker.is_draining)
        assert not any(call.is_open for call in world.calls.values()), "never answered"
        for caller in list(world.callers):
            world.leave(caller)
        world.pass_time(20.0)
        self.counters_add_up()
        switch = world.broker.switch
        assert not switch.ids
        assert switch.kept.bytes == 0
        for pool in switch.pools:
            assert (len(pool.queue), pool.queue.bytes) == (0, 0)
        assert not any(worker.load for worker in world.broker.workers)


def _held_bytes(call: HubCall) -> int:
    assert call.kept is not None
    return sum(len(frame) for frames in (call.kept, *(call.later or ())) for frame in frames)


def _is_usable(worker: Worker) -> bool:
    return worker.is_usable


def _packed(call: Call) -> bytes:
    return b"\xc4\x20" + call.id


TestHubs = Hubs.TestCase
# Each example goes through the end as well: shorter ones, with more of it.
TestHubs.settings = settings(stateful_step_count=30)
