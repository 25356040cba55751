"""Clients that die, flood, never read, come in crowds or guess: others must not notice."""

from __future__ import annotations

import functools
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import zerorpc
from tests.integration.faults.outcome import outcome_of
from tests.integration.faults.processes import (
    Bystander,
    ClientProcess,
    Process,
    ServerProcess,
    memory_bytes,
    wait_until,
)
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.faults.server_faults import FAR_AWAY
from tests.integration.faults.size import Facts, Size

MIB = 1 << 20


Attack = Callable[[Size, ServerProcess], Facts]


def unharmed(size: Size, attack: Attack, **options: Any) -> Facts:
    """Attack a server of these options while a bystander calls it, who must notice nothing.

    Where times are measured, the same attack on another server of the same core comes first: what
    it costs the bystander then is the machine's, which shares that core fairly among the two, and
    three times that is what it may cost now.
    """
    with ServerProcess(**options) as server, Bystander(server.endpoint) as bystander:
        facts: Facts = {}
        if size.is_measured:
            with ServerProcess(**options) as decoy:
                server.pin(0)
                decoy.pin(0)
                bystander.report()
                attack(size, decoy)
                facts["p99_decoy_ms"] = bystander.report()["p99"] * 1e3
        bystander.report()
        facts |= attack(size, server)
        report = bystander.report()
        assert report["calls"], "the bystander was stuck"
        assert report["errors"] == []
        facts["p99_ms"] = report["p99"] * 1e3
    size.within(facts["p99_ms"], 3 * facts.get("p99_decoy_ms", 0), "p99 of the bystander, in ms")
    return facts


def client_killed_in_stream(size: Size) -> Facts:
    """The generators of a killed client run their `finally`, long before a heartbeat is due.

    One of each two is sending; the other waits for credit, as its client took one item only.
    """
    clients = size.count(50, 4)
    with (
        ServerProcess(heartbeat=FAR_AWAY) as server,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer,
        ExitStack() as stack,
    ):
        started = [
            stack.enter_context(ClientProcess(server.endpoint, heartbeat=FAR_AWAY))
            for _ in range(clients)
        ]
        for number, client in enumerate(started):
            method, args = ("ticking", [0.01]) if number % 2 else ("chunks", [10**6, 1000])
            assert client.ask(do="begin", method=method, args=args)["is_begun"]
        assert observer.streams() == [clients, 0]
        began = time.monotonic()
        for client in started:
            client.kill()
        wait_until(lambda: observer.streams() == [clients, clients], "every generator has ended")
        took = time.monotonic() - began
        assert observer.counters()["open_channels"] == 1
    return {"clients": clients, "ended_after_s": took}


def garbage(source: random.Random) -> bytes:
    """Bytes that are no event, or nearly one."""
    kind = source.randrange(4)
    if kind == 0:
        return source.randbytes(source.randrange(200))
    if kind == 1:
        return b"\x93\x82\xaamessage_id\xc4\x20" + source.randbytes(source.randrange(60))
    if kind == 2:
        return b"\xdd" + source.randbytes(4) + b"\x80" * 50
    return b"\x91" * source.randrange(1, 4000)


def flood(size: Size) -> Facts:
    """Garbage, stray and superfluous events as fast as they go: they cost their sender only."""
    return unharmed(size, _flood)


def _flood(size: Size, server: ServerProcess) -> Facts:
    each = size.count(100_000, 4000)
    source = random.Random(0)
    with RawPeer(server.endpoint) as raw, zerorpc.Client(server.endpoint) as observer:
        channel = raw.send("ticking", [FAR_AWAY])
        raw.receive_answer(channel)
        before = memory_bytes(server.pid)
        for number in range(each):
            raw.send_blob(garbage(source))
            raw.send("_zpc_hb" if number % 2 else "_zpc_more", [1])  # opens nothing
            raw.send("STREAM", number, response_to=channel)  # beyond the window
            raw.send("_zpc_more", [1], response_to=channel)
            raw.send("OK", [number], response_to=b"no such channel")
            if number % 100 == 0:
                assert raw.call("echo", number) == ("OK", [number])
        assert raw.call("echo", "last") == ("OK", ["last"])
        grown = memory_bytes(server.pid) - before
        assert grown < 16 * MIB, f"the server grew by {grown} bytes"
        dropped = observer.counters()["dropped"]
        assert sum(dropped.values()) >= 3 * each, dropped
    return {"events": 5 * each, "grown_MiB": grown / MIB}


MOST_CALLS = 500


def request_flood(size: Size) -> Facts:
    """Thousands of calls thrown in at once, answers not waited for: the open ones are bounded."""
    # The raw peer does not beat: at full length its calls would end as those of a lost client.
    limits = json.dumps({"channels_per_peer": MOST_CALLS})
    return unharmed(size, _request_flood, limits=limits, heartbeat=FAR_AWAY)


def _request_flood(size: Size, server: ServerProcess) -> Facts:
    calls = size.count(100_000, 4000)
    with (
        RawPeer(server.endpoint, RCVHWM=0, SNDHWM=0) as raw,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer,
    ):
        for _ in range(calls):
            raw.send("slow", [FAR_AWAY])
        answers: Counter[str] = Counter()
        while answers["ERR Overloaded"] < calls - MOST_CALLS:
            _, name, args = raw.receive()
            answers[f"{name} {args[0]}" if name == "ERR" else name] += 1
        assert set(answers) <= {"ERR Overloaded", "_zpc_hb"}, answers
        # Beside them run the call that asks and, now and then, one of the bystander.
        assert MOST_CALLS < observer.counters()["running"] <= MOST_CALLS + 2
    return {"calls": calls, "taken": MOST_CALLS}


BACKLOG = 8 * MIB
ANSWERS = 400  # of 1 MiB, fewer than the messages that libzmq would queue


def never_reads(size: Size) -> Facts:
    """A peer that asks for much and reads nothing: what waits for it has a bound in bytes."""
    limits = json.dumps({"backlog_bytes": BACKLOG})
    return unharmed(size, _never_reads, limits=limits, heartbeat=FAR_AWAY)


def _never_reads(size: Size, server: ServerProcess) -> Facts:
    levels: list[int] = []
    with zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer:
        before = memory_bytes(server.pid)
        for _ in range(size.count(20, 8)):
            with RawPeer(server.endpoint, RCVHWM=1, RCVBUF=4096) as raw:
                for _ in range(10):
                    channel = raw.send("chunks", [10**9, 32768])
                    raw.send("_zpc_more", [10**9], response_to=channel)
                for _ in range(ANSWERS):
                    raw.send("blob", [MIB])
                wait_until(
                    lambda: observer.counters()["waiting"] >= ANSWERS // 2,
                    "the server puts off the calls of the peer that does not read",
                )
                assert memory_bytes(server.pid) < before + 128 * MIB
            wait_until(lambda: observer.counters()["running"] == 1, "its calls are ended")
            assert observer.counters()["queued_messages"] <= 1
            levels.append(memory_bytes(server.pid))
    # The allocator keeps what two or three rounds took, now more, now less; a call that is not
    # let go of keeps its payloads, 20 MiB with each round.
    assert levels[-1] < before + 96 * MIB, levels
    return {"MiB": [level // MIB for level in levels]}


def greedy_stream(size: Size) -> Facts:
    """A peer that grants a thousand million items, and reads them: others get their turns."""
    return unharmed(size, _greedy_stream, heartbeat=FAR_AWAY)  # the raw peer does not beat


def _greedy_stream(size: Size, server: ServerProcess) -> Facts:
    items = size.count(1_000_000, 40_000)
    slowest = 0.0
    with (
        RawPeer(server.endpoint, RCVHWM=0) as raw,
        zerorpc.Client(server.endpoint, heartbeat=FAR_AWAY) as observer,
    ):
        channel = raw.send("count", [10**9])
        raw.send("_zpc_more", [10**9], response_to=channel)
        for number in range(items):
            raw.receive_frames()
            if number % 4000 == 0:
                slowest = max(slowest, outcome_of(lambda: observer.echo(1)).seconds)
        bound = observer.counters()["queued_messages"]
        assert memory_bytes(server.pid) < 256 * MIB
    assert slowest < 1.0, f"another client's call took {slowest:.2f} s"
    return {"items": items, "other_call_s": slowest, "queued": bound}


def crowd(size: Size) -> Facts:
    """A thousand clients that connect at once, from four processes."""
    return unharmed(size, _crowd)


def _crowd(size: Size, server: ServerProcess) -> Facts:
    processes, clients = 4, size.count(250, 50)
    with zerorpc.Client(server.endpoint) as observer, ExitStack() as stack:
        started = [stack.enter_context(ClientProcess(server.endpoint)) for _ in range(processes)]
        before = memory_bytes(server.pid)
        for client in started:
            client.tell(do="many", clients=clients)
        told = [client.hear() for client in started]
        assert [each["kinds"] for each in told] == [{"value": clients}] * processes
        assert observer.counters()["open_channels"] <= 2  # the one that asks, and the bystander's
        grown = memory_bytes(server.pid) - before
    slowest = max(each["seconds"] for each in told)
    return {"clients": processes * clients, "s": slowest, "grown_MiB": grown / MIB}


@functools.cache
def predictable_ids() -> list[int]:
    """The first automatic routing ids of eight ROUTERs of a process that seeds nothing."""
    with Process("unseeded", "ids") as program:
        return list(program.hear()["ids"])


def guess_ids(endpoint: str, first: int, count: int) -> None:
    """Take `count` ids from `first` on, with calls, and then let a client come that has none."""
    with ExitStack() as stack:
        peers = []
        for number in range(first, first + count):
            identity = b"\0" + (number % (1 << 32)).to_bytes(4, "big")
            peers.append(stack.enter_context(RawPeer(endpoint, ROUTING_ID=identity)))
            peers[-1].send("_zerorpc_ping", [])
        for peer in peers:
            peer.receive()
        with RawPeer(endpoint) as newcomer:
            newcomer.send("_zerorpc_ping", [])
            newcomer.receive()


def routing_id_guesses(size: Size) -> Facts:
    """2,000 peers that take the ids which libzmq would give out next: the process lives on."""
    return unharmed(size, _routing_id_guesses)


def _routing_id_guesses(size: Size, server: ServerProcess) -> Facts:
    each = size.count(250, 25)
    for first in predictable_ids():
        guess_ids(server.endpoint, first, each)
    assert server.is_running
    return {"guesses": 8 * each}


SCENARIOS = (
    client_killed_in_stream,
    flood,
    request_flood,
    never_reads,
    greedy_stream,
    crowd,
    routing_id_guesses,
)
