"""What calls are open, on which worker each is, and the steps that change it.

Sans-IO. Each step keeps the tables, the pools and the counters in agreement; who takes which step
when is decided elsewhere. What has to be sent collects in `out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from zerorpc.peek import less_time
from zerorpc.wire import DRAINING, PING, Blob
from zerorpc_hub.calls import NUMBERS, Call, Client, Frames, Worker, envelope_of
from zerorpc_hub.keeping import SMALL_BYTES, Keeping, held_bytes, say_later, size_of
from zerorpc_hub.policy import Policy
from zerorpc_hub.pool import Pool
from zerorpc_hub.queue import CallQueue
from zerorpc_hub.statistics import Method, Traffic, bucket_of
from zerorpc_hub.words import Words

Send = tuple[Any, Sequence[Blob]]

# Names come from callers: beyond so many, or so long, they are counted together.
_MOST_METHODS = 1000
_LONGEST_METHOD = 255
_OTHER_METHODS = b"(others)"
_PING = PING.encode()
_PING_ROW = b"(ping)"


def _waits_from(waiting: tuple[Call, float | None]) -> float:
    call, since = waiting
    return call.opened if since is None else since


class Switch:
    """The open calls of one hub. `random` returns a number in [0, 1) at each call."""

    def __init__(self, policy: Policy, words: Words, random: Callable[[], float]) -> None:
        self.policy = policy
        self.words = words
        self.random = random
        self.out: list[Send] = []
        self.ids: set[bytes] = set()
        self.traffic = Traffic()
        self.pools = self.make_pools()
        # By endpoint: one row of counters is then enough for both, and for the hub as a whole.
        self.methods: dict[str, dict[bytes, Method]] = {}
        self.kept = Keeping()

    def make_pools(self) -> list[Pool]:
        """Return the pools of the policy, empty."""
        policy = self.policy
        bounds = policy.queue_max, policy.queue_bytes, policy.queue_timeout
        return [Pool(name, each, CallQueue(*bounds)) for name, each in policy.pools]

    def index_of(self, pool: str) -> int:
        """Return where a pool is; for one that is not there, the last: it takes what is left."""
        last = len(self.pools) - 1
        return next((i for i, each in enumerate(self.pools) if each.name == pool), last)

    def assign(self, worker: Worker, pool: str) -> None:
        """Have a worker belong to a pool; to the last, but homeless, while it is not there."""
        worker.pool, worker.pool_index = pool, self.index_of(pool)
        home = self.pools[worker.pool_index]
        # Who knows which methods it has? What it does goes on, and nothing new is sent there.
        worker.is_homeless = home.name != pool
        worker.most = home.policy.max_inflight

    # -- the life of a call, in its order ----------------------------------------------------

    def methods_of(self, endpoint: str) -> dict[bytes, Method]:
        """Return the methods that were called at an endpoint, to which more will be added."""
        return self.methods.setdefault(endpoint, {})

    def method(self, methods: dict[bytes, Method], name: bytes) -> Method:
        """Return what is known of a method at an endpoint, from its first call on."""
        # Under another name than its own, so that nobody takes the fast way with a hub's ping.
        key = _PING_ROW if name == _PING else name
        known = methods.get(key)
        if known is None:
            is_odd = len(methods) >= _MOST_METHODS or len(name) > _LONGEST_METHOD
            known = self.describe(name)
            if is_odd:
                # One of many without a row of its own is counted with its kind.
                known.name = _OTHER_METHODS.decode()
                # By the pool's name: where it is changes with the policy.
                key = b"%s %d %s" % (_OTHER_METHODS, known.is_idempotent, known.pool.encode())
            known = methods.setdefault(key, known)
        return known

    def describe(self, name: bytes) -> Method:
        """Return a new row for a method, given its name or key, with what the policy says of it."""
        name = _PING if name == _PING_ROW else name
        text = name.decode("utf-8", "replace")
        fitting = (
            index
            for index, (_, pool) in enumerate(self.policy.pools)
            if any(fnmatchcase(text, glob) for glob in pool.methods)
        )
        is_idempotent = any(fnmatchcase(text, glob) for glob in self.policy.idempotent)
        index = next(fitting, 0)
        pool, _ = self.policy.pools[index]
        return Method(name, index, is_idempotent=is_idempotent, pool=pool)

    def has_room(self, client: Client, more: int = 1) -> bool:
        """Tell whether a client may open so many calls: it has no more then than others still may.

        So one alone gets half of all, and whoever comes later finds room, however greedy others
        are.
        """
        return len(client.calls) + len(self.ids) + 2 * more <= self.policy.calls + 1

    def refusal(
        self, client: Client, call_id: bytes, hops: int, *, is_draining: bool
    ) -> tuple[str, str, dict[str, int]] | None:
        """Return how to refuse a call, if it cannot be taken: the error, a text, numbers."""
        name = self.policy.name
        if call_id in self.ids:
            text = "another client has a call with this id, or this one came in a circle of hubs;"
            return "DuplicateId", f"{text} it was not started", {}
        if self.words.is_own(call_id):
            text = f"this is a ping by hub {name!r} itself, to which a circle of hubs leads back"
            return "TooManyHops", text, {}
        if is_draining:
            return DRAINING, f"hub {name!r} is draining; this call was not started", {}
        if hops > self.policy.max_hops:
            text = f"this call has passed {hops} hubs: do they form a circle?"
            return "TooManyHops", text, {}
        if client.is_behind:
            share = self.policy.unsent_bytes // 2
            text = f"this client has more than {share} bytes of answers to read at hub {name!r};"
            return "Overloaded", f"{text} this call was not started", {}
        return None if self.has_room(client) else self._crowding(client)

    def _crowding(self, client: Client) -> tuple[str, str, dict[str, int]]:
        own, limit, total = len(client.calls), self.policy.calls, len(self.ids)
        text = f"{own} calls of this client are open at hub {self.policy.name!r}, {total} in all;"
        text += f" {limit} may be, and of one client no more than are left"
        return "Overloaded", text, {"queued": own, "limit": limit - total}

    def accept(self, call: Call) -> None:
        """Take in a call: from now on it is answered, or its client is gone."""
        self.ids.add(call.id)
        call.client.calls[call.id] = call
        self.traffic.calls.opened += 1
        call.method.counters.opened += 1
        call.client.opened += 1

    def dispatch(self, call: Call, worker: Worker, now: float) -> None:
        """Give a call to a worker, with all that its client has said so far."""
        call.token = token = worker.number()
        call.worker = worker
        call.sent = call.heard = now
        call.attempts += 1
        worker.calls[token] = call
        frames = call.kept
        assert frames is not None
        if call.expires is not None and now > call.opened:
            frames = [*frames[:-1], less_time(frames[-1], int((now - call.opened) * 1000))]
        self.out.append((worker.peer, [token, *frames]))
        if call.later:
            worker.handed += len(call.later)
            self.out.extend((worker.peer, [token, *each]) for each in call.later)
        worker.counters.opened += 1
        bucket = bucket_of(now - call.opened)
        call.method.wait[bucket] += 1
        worker.wait[bucket] += 1
        if worker.most is not None and worker.load >= worker.most:
            self.review(worker)
        self.kept.count(call)

    def say_while_waiting(self, call: Call, frames: Frames) -> bool:
        """Keep it with a waiting call, within the bounds of the queue; False if it is too much."""
        queue, size = self.pools[call.method.pool_index].queue, size_of(frames)
        is_kept = queue.bytes + size <= queue.max_bytes and say_later(call, frames)
        if is_kept:
            queue.grow(call, size)
        return is_kept

    def start(self, call: Call, worker: Worker, frames: Frames) -> None:
        """Accept a call and dispatch it at once, which is what becomes of most.

        It is for the caller to count it for its client and in all, batch by batch; and as kept, if
        it has an envelope.
        """
        # Both steps in one, for the sake of speed alone: what each does is said there.
        call_id, method = call.id, call.method
        self.ids.add(call_id)
        call.client.calls[call_id] = call
        method.counters.opened += 1
        method.wait[0] += 1
        worker.counters.opened += 1
        worker.wait[0] += 1
        worker.handed = handed = worker.handed + 1
        call.token = token = (handed % NUMBERS).to_bytes(5, "big")
        call.worker, call.attempts = worker, 1
        worker.calls[token] = call
        self.out.append((worker.peer, [token, *frames]))
        if worker.most is not None and worker.load >= worker.most:
            self.review(worker)
        if len(frames[-1]) > SMALL_BYTES:
            self.kept.count(call)

    def count_error(self, call: Call, worker: Worker) -> None:
        """Notice that the answer to a call is an error."""
        for counters in (self.traffic.calls, call.method.counters, worker.counters):
            counters.errors += 1

    def finish(self, ended: Sequence[Call], worker: Worker, now: float) -> None:
        """End calls that their worker has answered, and that it has no more."""
        forget, latencies = self.ids.discard, worker.latency
        opened, bucket = -1.0, 0
        for call in ended:
            call_id, method = call.id, call.method
            forget(call_id)
            del call.client.calls[call_id]
            if call.is_counted:
                self.kept.discount(call)
            method.counters.answered += 1
            # Many were opened in one instant, and have taken equally long.
            if call.opened != opened:
                opened = call.opened
                bucket = bucket_of(now - opened)
            method.latency[bucket] += 1
            # The same for most, which did not wait.
            latencies[bucket if call.sent == opened else bucket_of(now - call.sent)] += 1
        self.traffic.calls.answered += len(ended)
        worker.counters.answered += len(ended)
        worker.failures = 0
        self.settle(worker, now)

    def fail(self, call: Call, name: str, message: str, **numbers: int) -> None:
        """End a call by an ERR of the hub's own; it must be off its worker and out of the queue."""
        self.tell(call, name, message, numbers)
        self._forget(call)
        self.kept.release(call)
        self.traffic.calls.failed += 1
        call.method.counters.failed += 1
        self.traffic.refused[name] += 1

    def give_up(self, call: Call, name: str, message: str) -> None:
        """End a call by an ERR of the hub's own, wherever it is."""
        if call.worker is None:
            self.pools[call.method.pool_index].queue.discard(call)
        else:
            call.worker.counters.failed += 1
            self.take_back(call)
        self.fail(call, name, message)

    def cancel(self, call: Call, now: float, *, may_run_on: bool) -> None:
        """End a call whose client wants no more of it, or is gone.

        With `may_run_on` its worker counts as working on it until it says that it does not.
        """
        worker = call.worker
        if worker is None:
            self.pools[call.method.pool_index].queue.discard(call)
        else:
            self.take_back(call)
            call.kept = call.later = None
            worker.counters.cancelled += 1
            if may_run_on:
                worker.orphans[call.token] = call
        self.traffic.calls.cancelled += 1
        call.method.counters.cancelled += 1
        self._forget(call)
        if worker is not None:
            self.settle(worker, now)

    def take_back(self, call: Call) -> None:
        """Take a call off its worker, which may have room then: `settle` it afterwards."""
        worker = call.worker
        assert worker is not None
        del worker.calls[call.token]
        self.kept.discount(call)
        call.worker = None

    def settle(self, worker: Worker, now: float) -> None:
        """Notice that a worker has less to do or feels better: calls that wait may go to it."""
        pool = self.pools[worker.pool_index]
        if worker in pool.workers:
            pool.gave(worker)
        if pool.queue:
            self.pull(pool, now)

    def review(self, worker: Worker) -> None:
        """Notice that a worker may take no call for the moment."""
        self.pools[worker.pool_index].review(worker)

    def retire(self, worker: Worker, now: float) -> None:
        """Notice that a worker gets no more calls: those that wait may be up to the backup now."""
        pool = self.pools[worker.pool_index]
        pool.review(worker)
        if pool.queue:
            self.pull(pool, now)

    def _forget(self, call: Call) -> None:
        self.ids.discard(call.id)
        del call.client.calls[call.id]

    # -- the queue ---------------------------------------------------------------------------

    def make_room(self, call: Call) -> bool:
        """Tell whether a new call may wait, if need be in the place of another; else refuse it."""
        queue, size = self.pools[call.method.pool_index].queue, held_bytes(call)
        if queue.has_room(size):
            return True
        victim = queue.displaced(call.client, size)
        queued, limit = len(queue), queue.max_calls
        full = f"{queued} calls wait at hub {self.policy.name!r}, at most {limit} may"
        if queued < limit:
            full = f"calls of {queue.bytes} bytes wait at hub {self.policy.name!r},"
            full += f" at most {queue.max_bytes} may, and one of {size} has come"
        if victim is None:
            self.tell(call, "Overloaded", full, {"queued": queued, "limit": limit})
            self.traffic.refused["Overloaded"] += 1
            return False
        queue.discard(victim)
        text = f"{full}; of these, its client has most ({victim.method.name})"
        self.fail(victim, "Overloaded", text, queued=queued, limit=limit)
        return True

    def enqueue(self, call: Call) -> None:
        """Let an accepted call wait."""
        self.pools[call.method.pool_index].queue.push(call, held_bytes(call))

    def put_back(self, call: Call, now: float) -> None:
        """Let a call that has lost its worker wait for another, before those that have had none."""
        self.pools[call.method.pool_index].queue.put_back(call, held_bytes(call), now)

    def wait_on(self, waiting: Iterable[tuple[Call, float | None]]) -> None:
        """Let calls that wait elsewhere wait here, as what `since` of their queue says they are."""
        # Queues may have become one, which wants them in the order in which they are due.
        for call, since in sorted(waiting, key=_waits_from):
            if since is None:
                self.enqueue(call)
            else:
                self.put_back(call, since)

    def pull(self, pool: Pool, now: float) -> None:
        """Give waiting calls to workers that may take them."""
        while pool.queue:
            worker = pool.choose(self.random())
            if worker is None:
                return
            call = pool.queue.pop()
            assert call is not None
            if call.expires is not None and now >= call.expires:
                self.expire(call, now)
                pool.gave(worker)  # it was chosen for a call that it does not get
            else:
                self.dispatch(call, worker, now)

    def expire(self, call: Call, now: float) -> None:
        """Tell the client of a waiting call, just taken out, that its deadline has passed."""
        text = f"waited {now - call.opened:.3f}s in the queue and was not started"
        self.fail(call, "TimeoutExpired", f"{call.method.name} {text}")

    # -- what the hub says -------------------------------------------------------------------

    def tell(self, call: Call, name: str, message: str, numbers: dict[str, int]) -> None:
        """Send an ERR to the client of a call."""
        blob = self.words.error(call.id, call.version, name, message, numbers)
        self.out.append((call.client.peer, [*call.envelope, blob]))

    def refuse(
        self,
        client: Client,
        call_id: bytes,
        frames: Frames,
        version: int,
        name: str,
        message: str,
        **numbers: int,
    ) -> None:
        """Send an ERR for a call that is not accepted."""
        blob = self.words.error(call_id, version, name, message, numbers)
        self.out.append((client.peer, [*envelope_of(frames), blob]))
        self.traffic.refused[name] += 1
