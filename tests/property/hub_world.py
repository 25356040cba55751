"""A broker among clients and workers that check each message as it comes.

Everything happens at once: what the broker returns is delivered before anybody does anything else.
So a client may hear only what its worker says right now, or what the hub has a reason to say.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from msgpack import packb, unpackb

from tests.property.hub_peers import (
    CALLS,
    QUEUE_BYTES,
    QUEUE_MAX,
    QUEUE_TIMEOUT,
    Call,
    Caller,
    Job,
    Server,
    event,
    later,
    new_id,
    read,
)
from zerorpc_hub.broker import Broker
from zerorpc_hub.calls import Frames
from zerorpc_hub.policy import Policy
from zerorpc_hub.snapshot import Restoration, export
from zerorpc_hub.switch import Send

ANSWERS = ("OK", "ERR", "STREAM_DONE")
# One large request, but not two.
KEPT_BYTES = 8_000
# The broker says that a worker is silent no earlier than this.
SILENCE = 10.0
# A frozen worker's connection takes so many messages before it says that it is full.
WIRE_MAX = 3
# What a deadline may be late by.
GRAIN = 0.02


class World:
    """One broker, its peers, and a clock."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self.now = 1000.0
        self.random = Random(seed).random
        self.broker = self._make_broker(policy)
        self.callers: list[Caller] = []
        self.servers: list[Server] = []
        self.calls: dict[bytes, Call] = {}
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.from_clients = self.from_workers = self.dispatched = 0
        # What is going on while the broker has its turn: the reasons for what it may say.
        self.opening: Call | None = None
        self.beating: Call | None = None
        self.speaking: tuple[Job, str, Any] | None = None
        self.refusing: Call | None = None
        self.losing: set[Call] = set()
        self.is_ending = False

    def _make_broker(self, policy: Policy) -> Broker:
        instance = b"the hub's own 24 bytes.."
        broker = Broker(policy, instance=instance, random=self.random, now=self.now)
        broker.switch.kept.most = KEPT_BYTES
        return broker

    def move(self) -> None:
        """Go on as another process does, from nothing but the state of this broker."""
        peers = [*self.callers, *self.servers]
        state = unpackb(packb(export(self.broker, peers.index)), strict_map_key=False)
        self.broker = self._make_broker(self.broker.policy)
        restored = Restoration(self.broker, state, dict(enumerate(peers)), self.now)
        for client in restored.clients:
            client.peer.handle = client
        for worker in restored.workers:
            worker.peer.handle = worker
        self.deliver(restored.sends)

    # -- what the broker sends -------------------------------------------------------------------

    def deliver(self, sends: list[Send]) -> None:
        for peer, frames in sends:
            if isinstance(peer, Server):
                assert peer in self.servers, "sent to a worker that is gone"
                self.hand(peer, frames)
            else:
                assert peer in self.callers, "sent to a client that is gone"
                self.hear(peer, frames)

    def hand(self, server: Server, frames: Frames) -> None:
        server.wire.append(frames)
        header, name, args = read(frames)
        if "response_to" in header:
            call = self.calls[header["response_to"]]
            assert call.worker is server, "moved in mid-conversation"
            assert frames[0] == call.token, "moved in mid-conversation"
            if name == "_zpc_more":
                assert args == [call.relayed], "lost, or out of order"
                call.relayed += 1
        elif name != "_zerorpc_ping":
            self._hand_over(server, self.calls[header["message_id"]], frames)
        if server.is_frozen and len(server.wire) >= WIRE_MAX:
            self.broker.pause(server.handle)

    def _hand_over(self, server: Server, call: Call, frames: Frames) -> None:
        header, name, args = read(frames)
        assert call.is_waiting, "started twice at a time"
        takes_more = not (server.is_drained or server.has_said_so)
        assert takes_more, "given to one that takes no more"
        assert (server.pool, name, len(args[0])) == (call.pool, call.method, call.size)
        assert [bytes(each) for each in frames[1:-1]] == list(call.caller.envelope)
        waiting = self.waiting(call.pool)
        before = (each for each in waiting if each is not self.refusing)
        assert not any(each.goes_before(call) for each in before), "given away out of turn"
        if call.expires is not None:
            whole = round((call.expires - call.opened) * 1000)
            assert abs(header["deadline_ms"] - whole + (self.now - call.opened) * 1000) < 2
        call.worker, call.token, call.relayed = server, bytes(frames[0]), 0
        call.last_event = self.now
        call.attempts += 1
        self.dispatched += 1
        assert call.attempts <= (3 if call.is_idempotent else 1), "started too often"

    def hear(self, caller: Caller, frames: Frames) -> None:
        header, name, args = read(frames)
        call = self.calls[header["response_to"]]
        assert call.caller is caller, "answered to another client"
        assert [bytes(each) for each in frames[:-1]] == list(caller.envelope)
        assert call.is_open, f"{name} after {call.fate}"
        call.heard += 1
        if "hub" in header:
            assert name == "ERR"
            self._told_by_hub(call, args[0])
        elif self.speaking is None or self.speaking[0].call is not call:
            assert (name, self.beating) == ("_zpc_hb", call), "nobody has said this"
        else:
            assert (name, args) == self.speaking[1:], "not what the worker said"
            call.last_event = self.now
            call.has_answered = call.has_answered or name != "_zpc_hb"
            if name in ANSWERS:
                call.fate = name

    def _told_by_hub(self, call: Call, kind: str) -> None:
        self.refused[kind] += 1
        if call is self.opening:
            call.fate = "refused"
            assert kind in ("Draining", "Overloaded")
            return
        call.fate = "failed"
        assert kind in ("LostRemote", "TimeoutExpired", "Overloaded")
        if kind == "LostRemote":
            assert self.is_ending or call in self.losing or self._is_silent(call)
        elif kind == "TimeoutExpired":
            assert call.worker is None
            assert call.expires is not None
            assert self.now >= call.expires
        else:
            assert call.worker is None
            has_waited = self.now - call.queued_since >= QUEUE_TIMEOUT - GRAIN
            assert has_waited or self._is_displaced(call)

    def _is_displaced(self, call: Call) -> bool:
        """Tell whether a client with fewer calls that wait may have got its place."""
        opening = self.opening
        if opening is None or opening.pool != call.pool or call.has_moved:
            return False
        waiting = Counter(each.caller for each in self.waiting(call.pool))
        return waiting[call.caller] + 1 > waiting[opening.caller]

    def _is_silent(self, call: Call) -> bool:
        since = call.last_event if call.expires is None else min(call.last_event, call.expires)
        return call.worker is not None and self.now - since > SILENCE

    # -- clients ---------------------------------------------------------------------------------

    def add_caller(self, hops: int, version: int) -> None:
        caller = Caller([*(b"hop%d" % hop for hop in range(hops)), b""], version)
        caller.handle = self.broker.add_client(caller, "c", "in")
        self.callers.append(caller)

    def call(self, caller: Caller, method: str, size: int, deadline_ms: int | None) -> None:
        expires = None if deadline_ms is None else self.now + deadline_ms / 1000
        call = Call(new_id(), caller, method, size, self.now, expires, caller.version)
        call.queued_since = self.now
        before, open_calls = self.waiting(call.pool), [c for c in self.calls.values() if c.is_open]
        own = sum(each.caller is caller for each in open_calls)
        caller.calls.append(call)
        self.calls[call.id] = call
        header = {"message_id": call.id, "v": caller.version}
        if deadline_ms is not None:
            header["deadline_ms"] = deadline_ms
        self.opening = call
        self._from(caller, event(header, method, [b"x" * size]))
        self.opening = None
        if call.fate is None:
            assert (self.broker.is_draining, own + len(open_calls) < CALLS) == (False, True)
        elif not self.broker.is_draining:
            waiting_bytes = sum(each.size for each in before)
            is_full = len(before) >= QUEUE_MAX or waiting_bytes + size > QUEUE_BYTES - 2000
            assert is_full or own + len(open_calls) >= CALLS, "refused though there is room"

    def waiting(self, pool: str) -> list[Call]:
        """Return the calls that no worker of a pool has yet."""
        return [call for call in self.calls.values() if call.is_waiting and call.pool == pool]

    def call_again(self, call: Call, other: Caller) -> None:
        """Let a client use the id of a call that is open."""
        blob = event({"message_id": call.id, "v": 3}, "free_plain", [b""])
        frames = [*other.envelope, blob]
        self.from_clients += 1
        sends = self.broker.from_client(other.handle, [frames], self.now)
        if call.caller is other:
            self.dropped["duplicate_id"] += 1
            assert not sends
            return
        ((peer, answer),) = sends
        _, name, args = read(answer)
        assert peer is other
        assert (name, args[0]) == ("ERR", "DuplicateId")
        self.refused["DuplicateId"] += 1

    def say(self, call: Call, name: str) -> None:
        """Let a client say something on the channel of a call, be it over or not."""
        if not call.is_open:
            self.dropped["late"] += 1
            self._from(call.caller, later(call.id, name, [0]))
            return
        worker = call.worker
        before = len(worker.wire) if worker else call.heard
        if name == "_zpc_hb":
            self.beating = call
            self._from(call.caller, later(call.id, name, [0]))
            self.beating = None
            self._was_too_much(call)
            assert (len(worker.wire) if worker else call.heard) == before + 1, "not passed on"
        elif name == "_zpc_more":
            self._from(call.caller, later(call.id, name, [call.said]))
            call.said += not self._was_too_much(call)
        else:
            call.last_event = self.now
            self.deliver(self._close(call))
        call.last_event = self.now

    def _was_too_much(self, call: Call) -> bool:
        """Tell whether the hub has dropped what a client just said, as its queue is full."""
        key = "too_much_while_waiting"
        is_new = self.broker.switch.traffic.dropped[key] > self.dropped[key]
        if is_new:
            self.dropped[key] += 1
            queue = next(pool.queue for pool in self.broker.switch.pools if pool.name == call.pool)
            assert call.is_waiting
            assert queue.bytes > QUEUE_BYTES - 200
        return is_new

    def _close(self, call: Call) -> list[Send]:
        self.from_clients += 1
        frames = [*call.caller.envelope, later(call.id, "_zpc_close", [])]
        sends = self.broker.from_client(call.caller.handle, [frames], self.now)
        call.fate = "cancelled"
        return sends

    def leave(self, caller: Caller) -> None:
        sends = self.broker.remove_client(caller.handle, self.now)
        self.callers.remove(caller)
        told = [(peer, frames[0]) for peer, frames in sends if read(frames)[1] == "_zpc_close"]
        for call in caller.calls:
            if call.is_open:
                assert call.worker is None or (call.worker, call.token) in told
                call.fate = "cancelled"
        self.deliver(sends)

    def _from(self, caller: Caller, blob: bytes) -> None:
        self.from_clients += 1
        frames = [*caller.envelope, blob]
        self.deliver(self.broker.from_client(caller.handle, [frames], self.now))

    # -- workers ---------------------------------------------------------------------------------

    def add_server(self, pool: str, weight: int, *, is_backup: bool) -> None:
        server = Server(pool)
        self.servers.append(server)
        server.handle, sends = self.broker.add_worker(
            server, "w", "out", self.now, pool=pool, weight=weight, is_backup=is_backup
        )
        self.deliver(sends)

    def serve(self, server: Server, most: int | None = None) -> None:
        """Let a worker read what it was sent."""
        taken, server.wire[:most] = server.wire[:most], []
        for frames in taken:
            header, name, _ = read(frames)
            if name == "_zerorpc_ping":
                server.pings.append(frames)
                self._answer_pings(server)
            elif "response_to" not in header:
                self._begin(server, Job(self.calls[header["message_id"]], frames[:-1]))
            elif name == "_zpc_close":
                token = frames[0]
                server.jobs = [job for job in server.jobs if job.envelope[0] != token]

    def _begin(self, server: Server, job: Job) -> None:
        if server.is_leaving and not server.is_blocked:
            self._refuse(server, job)
        else:
            server.jobs.append(job)

    def _answer_pings(self, server: Server) -> None:
        while server.pings and not server.is_blocked:
            frames = server.pings.pop()
            header = {"draining": True} if server.is_leaving else {}
            blob = later(read(frames)[0]["message_id"], "OK", ["pong", "w"], **header)
            server.has_said_so = server.is_leaving
            self._said(server, [*frames[:-1], blob])

    def _refuse(self, server: Server, job: Job) -> None:
        """Let a worker say that it has not started a call, as it is about to stop."""
        call, server.has_said_so = job.call, True
        args = ["Draining", "about to stop", None]
        if not self._is_live(server, job):
            self.dropped["late"] += 1
        elif server.handle.calls[call.token].kept is None:
            self.speaking = job, "ERR", args  # too large to be sent again: its client is told
        else:
            call.lose_worker(self.now, was_started=False)
        self.refusing = call
        self._said(server, [*job.envelope, later(call.id, "ERR", args, draining=True)])
        assert call.fate != "ERR" or self.speaking, "a refusal reached the client"
        self.refusing = self.speaking = None

    def speak(self, server: Server, job: Job, name: str, args: Any) -> None:
        """Let a worker say something about a call, be it over or not."""
        call, is_live = job.call, self._is_live(server, job)
        header = {"draining": True} if server.is_leaving else {}
        server.has_said_so = server.has_said_so or (server.is_leaving and is_live)
        before = call.heard
        if not is_live:
            self.dropped["late"] += 1
        self.speaking = job, name, args
        self._said(server, [*job.envelope, later(call.id, name, args, **header)])
        self.speaking = None
        assert call.heard == before + is_live, "lost, or said twice"
        if name in ANSWERS:
            server.jobs.remove(job)

    def knows(self, server: Server, token: bytes) -> bool:
        """Tell whether the hub expects a worker to say something under a token."""
        handle = server.handle
        return token in (*handle.calls, *handle.orphans, handle.ping_token)

    def send_garbage(self, call: Call) -> None:
        """Let both ends of a call send what is no event; nobody hears of it."""
        self.dropped["malformed"] += 1
        self._from(call.caller, b"\xc1")
        if call.worker is not None and call.is_open:
            self.dropped["malformed"] += 1
            self._said(call.worker, [call.token, b"", b"\xc1"])

    def babble(self, server: Server, token: bytes) -> None:
        """Let a worker speak about a call that it does not have."""
        self.dropped["late"] += 1
        self._said(server, [token, b"", later(b"forged", "OK", [1])])

    def _is_live(self, server: Server, job: Job) -> bool:
        call = job.call
        return call.is_open and call.worker is server and call.token == job.envelope[0]

    def _said(self, server: Server, frames: Frames) -> None:
        self.from_workers += 1
        self.deliver(self.broker.from_worker(server.handle, [frames], self.now))

    def thaw(self, server: Server) -> None:
        """Let a worker go on, whatever held it up."""
        server.is_frozen = server.is_blocked = False
        self._answer_pings(server)
        self.serve(server)
        if server.handle.is_paused:
            self.deliver(self.broker.resume(server.handle, self.now))

    def lose(self, server: Server, unsent: int) -> None:
        """Break the connection of a worker; the last messages for it never left."""
        unsent = min(unsent, len(server.wire))
        left = server.wire[len(server.wire) - unsent :]
        never_left = {frames[0] for frames in left if "response_to" not in read(frames)[0]}
        mine = [each for each in self.calls.values() if each.is_open and each.worker is server]
        safe = [call for call in mine if call.token in never_left]
        self.losing = {call for call in mine if call not in safe}
        for call in mine:
            if call in safe or (call.is_idempotent and not call.has_answered):
                call.lose_worker(self.now, was_started=call not in safe)
        self.servers.remove(server)
        gone = server.handle, self.now, unsent, "it broke", lambda: left
        self.deliver(self.broker.remove_worker(*gone))
        assert not any(call.is_open and call.worker is server for call in mine), "not told"
        self.losing = set()

    def steer(self, server: Server, *, is_drained: bool) -> None:
        """Let the operator take a worker out of service, or back."""
        server.is_drained = is_drained
        if is_drained:
            self.deliver(self.broker.drain(server.handle, self.now))
        else:
            server.has_said_so = False
            self.deliver(self.broker.undrain(server.handle, self.now))

    def finish(self, *, is_abrupt: bool) -> None:
        """Let everybody be well and do what is left to do, with new workers for those that go.

        If it is abrupt, the hub ends instead.
        """
        if is_abrupt:
            self.is_ending = True
            self.deliver(self.broker.end())
            assert not any(call.is_open for call in self.calls.values()), "not told of the end"
        for server in list(self.servers):
            if server.is_leaving:
                self.lose(server, 0)
        for pool in ("free", "bounded"):
            self.add_server(pool, 1, is_backup=False)
        for _ in range(20):
            for server in list(self.servers):
                self.thaw(server)
                if server.is_drained:
                    self.steer(server, is_drained=False)
                for job in list(server.jobs):
                    self.speak(server, job, "OK", [0])
            self.pass_time(1.0)

    # -- time ------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let time pass as the driver does; workers that are well read and answer pings."""
        end = self.now + seconds
        while self.broker.deadline <= end:
            self.now = max(self.now, self.broker.deadline)
            self.deliver(self.broker.on_deadline(self.now))
            for call in self.calls.values():
                if call.is_waiting:
                    assert self.now - call.queued_since < QUEUE_TIMEOUT + GRAIN, "waits too long"
                    assert call.expires is None or self.now < call.expires + GRAIN, "overdue"
            for server in list(self.servers):
                if not server.is_frozen:
                    self.serve(server)
        self.now = end
