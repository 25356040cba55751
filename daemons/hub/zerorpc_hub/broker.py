r"""The hub's decisions: which worker gets a call, what waits, and what callers are told.

Sans-IO: messages, peers and the time go in, what is to be sent comes back. Every method that may
have something to send returns a list of `(peer, frames)` in the order in which it must go out;
`peer` is the object that the driver passed to `add_client` or `add_worker`, `frames` a sequence of
bytes and memoryviews. What is worth logging collects in `notices`, for the driver to take.

    broker = Broker(Policy(name="foo"), instance=24 * b"f", random=random.random, now=0.0)
    client = broker.add_client(connection_1, "10.0.0.1:4711", "tcp://*:1111")
    worker, sends = broker.add_worker(connection_2, "10.0.0.9:4712", "tcp://*:2222", now=0.0)
    for peer, frames in broker.from_client(client, [[b"", event]], now=0.1):
        peer.send(frames)                       # connection_2, [b"\0\0\0\0\1", b"", event]
    broker.from_worker(worker, [[b"\0\0\0\0\1", b"", answer]], now=0.2)
                                                # [(connection_1, [b"", answer])]

- A worker sees each call under a token of five bytes of its own, which it echoes like any envelope:
  what it says belongs to the call with that token or to none. So no conversation moves, and what
  an old attempt still says cannot reach a new one.
- Connection broken: `remove_client(client, now)`, `remove_worker(worker, now, unsent, reason)`;
  `unsent` is how many of the last messages for this worker did not leave, not even in part.
- A connection that takes no more: `pause(worker)`, later `resume(worker, now)`.
- Time: call `on_deadline(now)` at `deadline` or somewhat later (never mind how often).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zerorpc.errors import RemoteProtocolError
from zerorpc.peek import peek, peek_answer, peek_opening
from zerorpc.wire import DRAINING, VERSION, is_long_envelope
from zerorpc_hub.calls import Call, Client, Frames, Worker, envelope_of
from zerorpc_hub.policy import Policy
from zerorpc_hub.recovery import Recovery, TakeBack
from zerorpc_hub.revision import Place, revise
from zerorpc_hub.switch import Send, Switch
from zerorpc_hub.watch import Notice, Watch
from zerorpc_hub.words import Words

_OK = b"OK"
_ERR = b"ERR"
_FINAL = frozenset((_OK, _ERR, b"STREAM_DONE"))
_CONTROL_PREFIX = b"_zpc_"
_HEARTBEAT = b"_zpc_hb"
_CLOSE = b"_zpc_close"
# Of routing frames, as `is_long_envelope` counts them. Eight hops with the longest ids that ZeroMQ
# has come to 2.6 kB; each call keeps its own until it ends, so that a server's bound is too wide.
_ENVELOPE_BYTES = 4096


class Broker:
    """One hub of type `queue`; see the module for how to drive it."""

    def __init__(
        self, policy: Policy, *, instance: bytes, random: Callable[[], float], now: float
    ) -> None:
        self.policy = policy
        self.is_draining = False  # then new calls are refused, so that they go elsewhere
        self.notices: list[Notice] = []
        self.switch = Switch(policy, Words(policy.name, instance), random)
        self.clients: dict[Client, None] = {}
        self.workers: dict[Worker, None] = {}
        self._recovery = Recovery(self.switch, now)
        self._watch = Watch(self.switch, self.workers, self.notices, now)

    # -- peers -------------------------------------------------------------------------------

    def add_client(self, peer: Any, name: str, endpoint: str) -> Client:
        """Take in a connection that makes calls; `name` is how people know it."""
        client = Client(peer, name, endpoint, self.switch.methods_of(endpoint))
        self.clients[client] = None
        return client

    def remove_client(self, client: Client, now: float) -> list[Send]:
        """Forget the calls of a connection that is gone; workers are told, where they know how."""
        del self.clients[client]
        switch = self.switch
        for call in list(client.calls.values()):
            worker = call.worker
            if worker is not None:
                self._hand(worker, call, [*call.envelope, switch.words.close(call.id)])
            switch.cancel(call, now, may_run_on=True)
        return self._sends()

    def add_worker(
        self,
        peer: Any,
        name: str,
        endpoint: str,
        now: float,
        *,
        pool: str | None = None,
        weight: int = 1,
        is_backup: bool = False,
        who: str = "",
        is_doubtful: bool = False,
    ) -> tuple[Worker, list[Send]]:
        """Take in a connection that serves the calls of a pool, the last one by default.

        `who` tells when one comes again that has failed; without it nothing is known of it. One
        that is doubtful, as it may be no worker, gets calls once it has answered a ping.
        """
        switch = self.switch
        worker = Worker(peer, name, endpoint, now, weight=weight, is_backup=is_backup)
        switch.assign(worker, switch.pools[-1].name if pool is None else pool)
        home = switch.pools[worker.pool_index]
        self.workers[worker] = None
        if is_doubtful:
            self._watch.doubt(worker)
        home.join(worker, now)
        self._watch.recognise(worker, who, now)
        switch.pull(home, now)
        return worker, self._sends()

    def remove_worker(
        self,
        worker: Worker,
        now: float,
        unsent: int = 0,
        reason: str = "its connection broke",
        take_back: TakeBack = list,
    ) -> list[Send]:
        """Find its calls a new place, or tell their clients, as its connection is gone.

        `unsent` is how many of the last messages for it never left, not even in part; `take_back`
        returns them.
        """
        del self.workers[worker]
        self.switch.pools[worker.pool_index].leave(worker, now)
        had_begun = self._recovery.lose(worker, now, unsent, reason, take_back)
        self._watch.remember(worker, now, is_failure=had_begun)
        for pool in self.switch.pools:
            self._watch.hurry(pool)
        return self._sends()

    def pause(self, worker: Worker) -> None:
        """Give a worker no new calls while its connection takes no more."""
        worker.is_paused = True
        self.switch.review(worker)

    def resume(self, worker: Worker, now: float) -> list[Send]:
        """Give it calls again."""
        worker.is_paused = False
        self.switch.settle(worker, now)
        return self._sends()

    def drain(self, worker: Worker, now: float) -> list[Send]:
        """Give a worker no new calls, as an operator wishes; those it has go on."""
        worker.is_draining = True
        self.switch.retire(worker, now)
        return self._sends()

    def undrain(self, worker: Worker, now: float) -> list[Send]:
        """Give it calls again; of the pool that it is in now, if its own is not there."""
        worker.is_draining = worker.is_leaving = False
        self.switch.assign(worker, self.switch.pools[worker.pool_index].name)
        self.switch.settle(worker, now)
        return self._sends()

    # -- what comes in -----------------------------------------------------------------------

    def from_client(self, client: Client, messages: Sequence[Frames], now: float) -> list[Send]:
        """Take in messages of a client."""
        switch, ids, methods = self.switch, self.switch.ids, client.methods
        start, pools, random = switch.start, switch.pools, switch.random
        has_room = switch.has_room(client, len(messages))
        must_look = self.is_draining or client.is_behind or not has_room
        started = 0
        for frames in messages:
            # Most are calls of known methods that some worker can take. Whatever is the least
            # unusual takes the longer way, with the same result.
            opening = peek_opening(frames[-1])
            if opening is None:
                self._take_in(client, frames, now)
                continue
            call_id, name, deadline_ms = opening
            method = methods.get(name)
            if method is None or call_id in ids or len(frames) != 2 or frames[0] or must_look:
                if not self._is_too_long(frames):
                    self._open(client, call_id, name, frames, VERSION, deadline_ms, now)
                continue
            call = Call(call_id, client, method, frames, now)
            if deadline_ms is not None:
                call.expires = now + deadline_ms / 1000
            worker = pools[method.pool_index].choose(random())
            if worker is None:
                self._queue(call)
            else:
                start(call, worker, frames)
                started += 1
        client.opened += started
        switch.traffic.calls.opened += started
        switch.traffic.from_clients += len(messages)
        return self._sends()

    def _take_in(self, client: Client, frames: Frames, now: float) -> None:
        """Take in any event of a client."""
        if self._is_too_long(frames):
            return
        dropped = self.switch.traffic.dropped
        try:
            response_to, call_id, name, version, deadline_ms, _ = peek(frames[-1])
        except RemoteProtocolError as error:
            dropped[error.reason] += 1
            return
        if response_to is None:
            # Always there where there is no `response_to`, but the type does not say so.
            self._open(client, call_id or b"", name, frames, version, deadline_ms, now)
            return
        call = client.calls.get(response_to)
        if call is None:
            dropped["late"] += 1
        elif call.worker is None:
            self._while_waiting(call, name, frames, now)
        else:
            self._pass_on(call, call.worker, name, frames, now)

    def _is_too_long(self, frames: Frames) -> bool:
        """Tell whether a message is dropped, as its routing frames are more than hubs add."""
        # They would be kept, said again with each answer, and sent to one who drops them as well.
        is_usual = len(frames) == 2 and not frames[0]
        if is_usual or not is_long_envelope(frames, _ENVELOPE_BYTES):
            return False
        self.switch.traffic.dropped["long_envelope"] += 1
        return True

    def _open(
        self,
        client: Client,
        call_id: bytes,
        name: bytes,
        frames: Frames,
        version: int,
        deadline_ms: int | None,
        now: float,
    ) -> None:
        """Take in a new call, unless what opens it is refused."""
        switch = self.switch
        if name.startswith(_CONTROL_PREFIX):
            switch.traffic.dropped["stray_control"] += 1
            return
        if self._refuses(client, call_id, frames, version):
            return
        if len(frames) == 1:
            frames = [b"", *frames]  # or the worker would take the token for the delimiter
        call = Call(call_id, client, switch.method(client.methods, name), frames, now)
        if len(frames) > 2:
            call.envelope = envelope_of(frames)
        call.version = version
        if deadline_ms is not None:
            call.expires = now + deadline_ms / 1000
        worker = switch.pools[call.method.pool_index].choose(switch.random())
        if worker is None:
            self._queue(call)
        else:
            switch.start(call, worker, frames)
            if len(frames) != 2 or frames[0]:
                switch.kept.count(call)
            client.opened += 1
            switch.traffic.calls.opened += 1

    def _refuses(self, client: Client, call_id: bytes, frames: Frames, version: int) -> bool:
        """Tell whether a call is not to be begun; its client is told."""
        switch = self.switch
        if call_id in client.calls:
            # An ERR would end the call that the client has under this id.
            switch.traffic.dropped["duplicate_id"] += 1
            return True
        refusal = switch.refusal(client, call_id, len(frames) - 2, is_draining=self.is_draining)
        if refusal is None:
            return False
        kind, message, numbers = refusal
        switch.refuse(client, call_id, frames, version, kind, message, **numbers)
        return True

    def _queue(self, call: Call) -> None:
        """Let a new call wait for a worker, or refuse it."""
        switch = self.switch
        if switch.make_room(call):
            switch.accept(call)
            switch.enqueue(call)
            self._watch.hurry(switch.pools[call.method.pool_index])

    def _pass_on(self, call: Call, worker: Worker, name: bytes, frames: Frames, now: float) -> None:
        """Forward what a client says on the channel of a call."""
        self._hand(worker, call, frames)
        if name == _HEARTBEAT:
            call.gap = max(call.gap, now - call.heard)
        call.heard = now
        if name == _CLOSE:
            self.switch.cancel(call, now, may_run_on=False)
        elif call.kept is None or (name == _HEARTBEAT and call.version > 2):
            return  # nothing that a second worker would have to be told
        else:
            self.switch.kept.follow(call, frames)

    def _while_waiting(self, call: Call, name: bytes, frames: Frames, now: float) -> None:
        """Answer for the worker that a waiting call does not have yet."""
        switch = self.switch
        if name == _HEARTBEAT:
            # Nobody else would, and the client would give up after three intervals.
            switch.out.append((call.client.peer, [*call.envelope, switch.words.beat(call.id)]))
            if call.version > 2:
                return
        if name == _CLOSE:
            switch.cancel(call, now, may_run_on=False)
        elif not switch.say_while_waiting(call, frames):
            switch.traffic.dropped["too_much_while_waiting"] += 1

    def _hand(self, worker: Worker, call: Call, frames: Frames) -> None:
        worker.handed += 1
        self.switch.out.append((worker.peer, [call.token, *frames]))

    def from_worker(self, worker: Worker, messages: Sequence[Frames], now: float) -> list[Send]:
        """Take in messages of a worker."""
        calls, switch = worker.calls, self.switch
        out, pool = switch.out, switch.pools[worker.pool_index]
        ended: list[Call] = []
        for frames in messages:
            # Without our token, or what came from the client might be too long on its way back.
            if (len(frames) != 3 or frames[1]) and self._is_too_long(frames[1:]):
                continue
            call = calls.get(frames[0])  # type: ignore[arg-type]  # small frames come as bytes
            if call is None:
                self._stray(worker, frames, now)
                continue
            name = peek_answer(frames[-1]) or self._read(worker, frames, now)
            if name in _FINAL:
                is_error = name == _ERR
                if is_error and self._recovery.refused(call, worker, frames[-1], now):
                    self._watch.hurry(pool)
                    continue
                out.append((call.client.peer, frames[1:]))
                # It may take a while until the next line is known: the token is free at once.
                del calls[call.token]
                ended.append(call)
                if is_error:
                    switch.count_error(call, worker)
                if pool.learns:
                    pool.learn(worker, now - call.sent, is_failure=is_error)
            elif name:
                out.append((call.client.peer, frames[1:]))
                self._hear(call, name, now)
        # Once for all, since what was said of this worker holds for all its calls.
        if ended:
            switch.finish(ended, worker, now)
        switch.traffic.from_workers += len(messages)
        return self._sends()

    def _hear(self, call: Call, name: bytes, now: float) -> None:
        """Notice that a worker has said something that does not end its call."""
        if name == _HEARTBEAT:
            call.gap = max(call.gap, now - call.heard)
        else:
            call.is_answered = True
        if call.kept is not None and (call.is_answered or not call.method.is_idempotent):
            self.switch.kept.release(call)
        call.heard = now

    def _read(self, worker: Worker, frames: Frames, now: float) -> bytes | None:
        """Return the name of an event that is not laid out as usual, None for what is none."""
        try:
            response_to, _, name, _, _, is_draining = peek(frames[-1])
        except RemoteProtocolError as error:
            self.switch.traffic.dropped[error.reason] += 1
            return None
        if response_to is None:
            self.switch.traffic.dropped["unexpected_request"] += 1
            return None
        if is_draining and not worker.is_leaving:
            worker.is_leaving = True
            self.switch.retire(worker, now)
        return name

    def _stray(self, worker: Worker, frames: Frames, now: float) -> None:
        """Look at what belongs to no open call: an answer to a ping, or what comes too late."""
        token = bytes(frames[0])
        if token and token == worker.ping_token:  # which is empty while none is out
            self._watch.heard_ping(worker, frames[-1], now)
        elif token in worker.orphans:
            self._from_orphan(worker, token, frames, now)
        elif self._read(worker, frames, now) is not None:
            # Too late for its call, but it may be how a worker tells that it is about to stop.
            self.switch.traffic.dropped["late"] += 1

    def _from_orphan(self, worker: Worker, token: bytes, frames: Frames, now: float) -> None:
        self.switch.traffic.dropped["late"] += 1
        worker.orphans[token].heard = now
        if self._read(worker, frames, now) in _FINAL:
            del worker.orphans[token]
            self.switch.settle(worker, now)

    def end(self) -> list[Send]:
        """Tell the client of every open call that nothing will come of it: the hub ends."""
        switch = self.switch
        for client in self.clients:
            for call in list(client.calls.values()):
                text = f"hub {self.policy.name!r} has ended ({call.method.name})"
                if call.worker is None and not call.attempts:
                    switch.give_up(call, DRAINING, f"{text}; this call was not started")
                else:
                    switch.give_up(call, "LostRemote", text)
        return self._sends()

    def revise(self, policy: Policy, places: Mapping[str, Place], now: float) -> list[Send]:
        """Go on by another policy; `places` tells what workers at an endpoint are for."""
        revise(self.switch, policy, places, now)
        self.policy = policy
        self._recovery.budget.revise(policy.retry_share, policy.retry_per_second)
        self._watch.revise(now)
        return self._look_at_queues(now)

    def _look_at_queues(self, now: float) -> list[Send]:
        for pool in self.switch.pools:
            self.switch.pull(pool, now)
            self._watch.hurry(pool)
        return self._sends()

    def times(self) -> tuple[Any, ...]:
        """Return what goes by the clock, for another broker; see `snapshot` for all the rest."""
        return self._recovery.budget.export(), self._watch.export()

    def inherit(self, times: tuple[Any, ...], now: float) -> list[Send]:
        """Go on with calls and workers that have been put in place."""
        budget, watch = times
        self._recovery.budget.restore(budget)
        self._watch.restore(watch)
        return self._look_at_queues(now)

    # -- time --------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """The instant at which `on_deadline` has something to do."""
        return self._watch.deadline

    def on_deadline(self, now: float) -> list[Send]:
        """Do what is due: queued calls that waited too long, pings, calls that fell silent."""
        self._watch.look(now)
        return self._sends()

    def _sends(self) -> list[Send]:
        # The list itself is reused while nothing was said, which is often.
        out = self.switch.out
        if not out:
            return []
        self.switch.out = []
        return out
