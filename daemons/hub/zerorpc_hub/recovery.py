"""What becomes of calls when their worker is lost, or says that it takes no more.

Sans-IO. A call that was surely not started goes elsewhere; one that may have been is tried again
only if its method is idempotent, and within a budget. All others are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgpack import Unpacker

from zerorpc.peek import LONG_HEAD_BYTES, less_time
from zerorpc.wire import DRAINING, Blob
from zerorpc_hub.budget import RetryBudget
from zerorpc_hub.calls import Call, Frames, Worker
from zerorpc_hub.switch import Switch

# One that brings down every worker it comes to must not bring down all.
_MOST_ATTEMPTS = 3
_DRAINING = DRAINING.encode()

TakeBack = Callable[[], Sequence[Frames]]


class Recovery:
    """Finds the calls of a worker a new place, or tells their clients."""

    def __init__(self, switch: Switch, now: float) -> None:
        policy = switch.policy
        self._switch = switch
        self.budget = RetryBudget(policy.retry_share, policy.retry_per_second, now)

    def lose(
        self, worker: Worker, now: float, unsent: int, reason: str, take_back: TakeBack
    ) -> bool:
        """Deal with the calls of a worker that is gone and has left its pool.

        The last `unsent` messages for it never left; `take_back` returns them. Tells whether it had
        any call that may have been started.
        """
        switch, moved, had_begun = self._switch, [], False
        lost = list(worker.calls.values())
        if any(call.kept is None and worker.age_of(call.token) < unsent for call in lost):
            _keep_again(worker, unsent, take_back())
        for call in lost:
            was_sent = worker.age_of(call.token) >= unsent
            had_begun = had_begun or was_sent
            switch.take_back(call)
            if self._may_go_elsewhere(call, now, was_sent=was_sent):
                moved.append(call)
                continue
            worker.counters.failed += 1
            method = call.method.name
            switch.fail(call, "LostRemote", f"worker {worker.name} is lost: {reason} ({method})")
        worker.orphans.clear()
        for call in moved:
            switch.put_back(call, now)
        for pool in switch.pools:
            switch.pull(pool, now)
        return had_begun

    def _may_go_elsewhere(self, call: Call, now: float, *, was_sent: bool) -> bool:
        if call.kept is None or call.is_answered:
            return False
        if not was_sent:
            return True
        if not call.method.is_idempotent or call.attempts >= _MOST_ATTEMPTS:
            return False
        calls = self._switch.traffic.calls
        if not self.budget.take(calls.opened, now):
            return False
        calls.retried += 1
        call.method.counters.retried += 1
        return True

    def refused(self, call: Call, worker: Worker, blob: Blob, now: float) -> bool:
        """Send a call elsewhere if an ERR says that its worker is draining; tells whether it is."""
        # The cheap look first: errors are many where something is broken.
        if _DRAINING not in bytes(blob[:LONG_HEAD_BYTES]) or not is_refusal(blob):
            return False
        worker.is_leaving = True
        self._switch.review(worker)
        if call.kept is None or call.is_answered:
            return False
        switch = self._switch
        switch.take_back(call)
        worker.counters.cancelled += 1
        switch.put_back(call, now)
        switch.settle(worker, now)
        return True


def _keep_again(worker: Worker, unsent: int, messages: Sequence[Frames]) -> None:
    """Take what was not kept of calls that never left from the messages that did not."""
    taken: dict[bytes, list[Frames]] = {}
    for token, *frames in messages:
        taken.setdefault(bytes(token), []).append(frames)
    for call in worker.calls.values():
        frames_of = taken.get(call.token)
        if call.kept is None and frames_of and worker.age_of(call.token) < unsent:
            call.kept, *call.later = frames_of
            if call.expires is not None:
                # As its client had said it, for it will be told anew how long it has waited.
                waited_ms = int((call.sent - call.opened) * 1000)
                call.kept = [*call.kept[:-1], less_time(call.kept[-1], -waited_ms)]


def is_refusal(blob: Blob) -> bool:
    """Tell whether an ERR says of its call that it was not started, as its worker is draining.

    A method may raise a class of that name; clients tell the two apart alike, in
    `zerorpc.patterns`.
    """
    unpacker = Unpacker(raw=False, strict_map_key=False, max_array_len=256)
    unpacker.feed(memoryview(blob)[:LONG_HEAD_BYTES])
    try:
        unpacker.read_array_header()
        header = unpacker.unpack()
        if header.get("draining") is not True and "hub" not in header:
            return False
        unpacker.skip()
        if unpacker.read_array_header() < 3 or unpacker.unpack() != DRAINING:
            return False
        unpacker.skip()
        return not unpacker.unpack()
    except Exception:  # whatever is wrong with it, the client will see it too
        return False
