"""What waits to be sent: what goes, what stays, and in which order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from zerorpc.transport.backlog import (
    MESSAGE_BYTES,
    Entry,
    cost_of,
    has_lapsed,
    has_ticket,
    take_out,
)


@dataclass(slots=True)
class Call:
    """Stands for a channel whose opening event waits."""

    has_lapsed: bool = False
    is_sent: bool = False


def queued() -> deque[Entry]:
    tickets = [Call(), None, Call(has_lapsed=True), Call(), None]
    return deque(((b"", b"%d" % number), ticket) for number, ticket in enumerate(tickets))


def payloads(entries: deque[Entry] | list[Entry]) -> list[bytes]:
    return [bytes(frames[-1]) for frames, _ in entries]


def test_what_lapsed_goes_and_the_rest_keeps_its_order() -> None:
    backlog = queued()
    assert payloads(take_out(backlog, has_lapsed)) == [b"2"]
    assert payloads(backlog) == [b"0", b"1", b"3", b"4"]


def test_calls_can_be_withdrawn_and_what_belongs_to_nobody_stays() -> None:
    backlog = queued()
    assert payloads(take_out(backlog, has_ticket)) == [b"0", b"2", b"3"]
    assert payloads(backlog) == [b"1", b"4"]


def test_what_is_appended_meanwhile_comes_last() -> None:
    backlog = queued()

    def append_and_judge(entry: Entry) -> bool:
        if len(backlog) < 5:
            backlog.append(((b"", b"new"), None))
        return has_lapsed(entry)

    take_out(backlog, append_and_judge)
    assert b"new" in payloads(backlog)
    assert [each for each in payloads(backlog) if each != b"new"] == [b"0", b"1", b"3", b"4"]


def test_small_messages_count_for_what_holds_them() -> None:
    assert cost_of((b"peer", b"", b"")) == MESSAGE_BYTES
    assert cost_of((b"peer", b"", b"x" * 10)) == MESSAGE_BYTES + 10
