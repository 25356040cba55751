"""Clients and strangers that misbehave at a loaded hub: only the guilty peer suffers."""

from __future__ import annotations

import functools
import random
import resource
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import gevent

import zerorpc
from tests.integration.faults.client_faults import MIB, garbage
from tests.integration.faults.outcome import Calls
from tests.integration.faults.processes import (
    PATIENCE,
    Bystander,
    ClientProcess,
    Proxy,
    ServerProcess,
    memory_bytes,
    wait_until,
)
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.faults.size import Facts, Size
from tests.integration.hub.process import ONE_HUB, HubProcess
from tests.integration.hub.stage import FAR_AWAY

IN_FLIGHT = 500
UNSENT = 8 * MIB
LIMITS = f"limits: {{calls: 10000, unsent_bytes: {UNSENT}, message_bytes: {UNSENT}, handshake: "
RESET = struct.pack("ii", 1, 0)  # closing with a linger of nothing sends RST, not FIN


class Ground:
    """A hub with a worker, 500 calls that run all the time, and a client that wants its peace."""

    def __init__(self, size: Size, stack: ExitStack) -> None:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        interval, timeout = size.seconds(1.0, 0.3), size.seconds(3.0, 0.9)
        text = ONE_HUB + f"heartbeat: {{interval: {interval}, timeout: {timeout}}}\n"
        self.hub = stack.enter_context(HubProcess(folder, f"{text}{LIMITS}{timeout}}}\n"))
        self.front = self.hub.endpoint("in")
        self.worker = stack.enter_context(
            ServerProcess(self.hub.endpoint("out"), connect=1, heartbeat=FAR_AWAY)
        )
        self.hub.await_workers(1)
        self.client = stack.enter_context(
            zerorpc.Client(self.front, heartbeat=FAR_AWAY, timeout=None)
        )
        self.running = Calls([functools.partial(self.client, "slow", 3600)] * IN_FLIGHT)
        self.await_stats(in_flight=IN_FLIGHT)
        self.bystander = stack.enter_context(Bystander(self.front, FAR_AWAY))

    @property
    def port(self) -> int:
        """The port of its front."""
        return int(self.front.rpartition(":")[2])

    def await_stats(self, **numbers: int) -> None:
        """Wait until the hub counts at least so many of each."""
        wait_until(
            lambda: all(self.hub.statistics()[key] >= number for key, number in numbers.items()),
            str(numbers),
        )

    def await_counted(self, where: str, **reasons: int) -> None:
        """Wait until the hub has counted at least so many of each reason."""

        def is_counted() -> bool:
            counted = self.hub.statistics()[where]
            return all(counted.get(reason, 0) >= number for reason, number in reasons.items())

        wait_until(is_counted, f"{where} {reasons}", 2 * PATIENCE)

    def idle_share(self) -> float:
        """How much of a core the hub takes once everyone is silent, within some seconds."""
        self.bystander.stop()
        shares = []
        for _ in range(6):
            before = cpu_seconds(self.hub.pid)
            gevent.sleep(1)  # this is what is measured
            shares.append(cpu_seconds(self.hub.pid) - before)
        return min(shares)


def cpu_seconds(pid: int) -> float:
    """How much time of a processor a process has had so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


Attack = Callable[[Size, Ground], Facts]


def bad_peers(size: Size) -> Facts:
    """All of them: each against a hub of its own where it is measured, else one after the other."""
    if not size.is_measured:
        return _unharmed(size, _all)
    facts: Facts = {}
    for attack in ATTACKS:
        name = attack.__name__.strip("_")
        facts |= {f"{name}.{key}": value for key, value in _unharmed(size, attack).items()}
    return facts


def _all(size: Size, ground: Ground) -> Facts:
    facts: Facts = {}
    for attack in ATTACKS:
        facts |= attack(size, ground)
    return facts


def _unharmed(size: Size, attack: Attack) -> Facts:
    """Attack a hub; those who call it notice nothing, and what it took is given back.

    Where times are measured, another hub is attacked first: what that costs the bystander is the
    machine's, and three times that is what it may cost now.
    """
    facts: Facts = {}
    with ExitStack() as stack:
        ground = Ground(size, stack)
        if size.is_measured:
            with ExitStack() as other:
                decoy = Ground(size, other)
                decoy.bystander.stop()
                ground.bystander.report()
                attack(size, decoy)
                facts["p50_decoy_ms"] = ground.bystander.report()["p50"] * 1e3
        ground.bystander.report()
        before = memory_bytes(ground.hub.pid)
        facts |= attack(size, ground)
        report = ground.bystander.report()
        assert report["calls"], "the bystander was stuck"
        assert report["errors"] == []
        assert not ground.running.ended, "calls of others were ended"
        grown = memory_bytes(ground.hub.pid) - before
        assert grown < 4 * UNSENT, f"{attack.__name__}: the hub grew by {grown >> 20} MiB"
        facts |= {f"{name}_ms": report[name] * 1e3 for name in ("p50", "p99")}
        facts["grown_MiB"] = grown / MIB
        if size.is_measured:
            facts["idle_share"] = ground.idle_share()
    # Not its 99th percentile: that is what else runs on the machine just then.
    most = 3 * facts.get("p50_decoy_ms", 0)
    size.within(facts["p50_ms"], most, "half of the bystander's calls, in ms")
    size.within(facts.get("idle_share", 0), 0.05, "CPU afterwards, as a share")
    return facts


def _clients_that_vanish(size: Size, ground: Ground) -> Facts:
    """Clients that are killed in mid-stream, or cut off with nobody being told."""
    count = size.count(30, 2)
    with ExitStack() as stack:
        opened, finished = ground.client.streams()
        proxy = stack.enter_context(Proxy(ground.front))

        def client(endpoint: str) -> ClientProcess:
            made = ClientProcess(endpoint, heartbeat=FAR_AWAY)
            return stack.enter_context(made)

        killed = [client(ground.front) for _ in range(count)]
        cut_off = client(proxy.endpoint)
        for each in killed:
            assert each.ask(do="begin", method="chunks", args=[10**6, 1000])["is_begun"]
        assert cut_off.ask(do="begin", method="ticking", args=[0.05])["is_begun"]
        assert ground.client.streams() == [opened + count + 1, finished]
        for each in killed:
            each.kill()
        proxy.rule(is_deaf=True)
        ended = [opened + count + 1, finished + count + 1]
        wait_until(lambda: ground.client.streams() == ended, "all their generators have ended")
        ground.await_counted("closed", silent=1)
    return {"killed": count}


def _floods(size: Size, ground: Ground) -> Facts:
    """Garbage, calls by the thousand and answers that nobody reads, as fast as they go."""
    each = size.count(50_000, 2000)
    source = random.Random(0)
    with RawPeer(ground.front) as raw:
        for number in range(each):
            raw.send_blob(garbage(source))
            raw.send("_zpc_hb" if number % 2 else "_zpc_more", [1])  # opens nothing
            raw.send("OK", [number], response_to=b"no such channel")
            if number % 100 == 0:
                assert raw.call("echo", number) == ("OK", [number])
        assert raw.call("echo", "last") == ("OK", ["last"])
    ground.await_counted("dropped", stray_control=each, late=each)
    # Calls by the hundred, whose answers are not read: it is hung up on, and nobody waits for it.
    held = ground.hub.statistics()["times_held_back"]
    with RawPeer(ground.front, RCVHWM=1, RCVBUF=4096) as raw:
        for _ in range(150):
            raw.send("blob", [100_000])
        ground.await_counted("closed", lagging=1)
    assert ground.hub.statistics()["times_held_back"] == held
    return {"events": 3 * each}


HELLO = b"\xff\0\0\0\0\0\0\0\x01\x7f"
GREETING = HELLO + b"\3\1NULL" + bytes(16 + 1 + 31)
READY = b"\4\x1c\5READY\x0bSocket-Type\0\0\0\6DEALER"
# By the reasons under which they are counted.
SPOKEN = {
    "http": b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01" + bytes(range(256)),
    "greeting": b"*1\r\n$4\r\nPING\r\n",
    "version": HELLO + b"\1\0",
    "mechanism": HELLO + b"\3\1CURVE" + bytes(15 + 1 + 31),
    "bad_command": GREETING + b"\x06" + b"\x7f" * 8,
}


def _strangers(size: Size, ground: Ground) -> Facts:
    """Thousands of connections that never speak, a port scan, and those who speak otherwise."""
    silent, scans = size.count(5000, 300), size.count(2000, 200)
    with many_files(2 * silent):
        address = ("127.0.0.1", ground.port)
        for number in range(scans):
            with socket.create_connection(address) as scan:
                if number % 2:
                    scan.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        speaking = []
        for said in SPOKEN.values():
            speaking.append(socket.create_connection(address))
            speaking[-1].sendall(said)
        began = time.monotonic()
        waiting = [socket.create_connection(address) for _ in range(silent)]
        opened = time.monotonic() - began
        ground.await_counted("closed", handshake_timeout=silent, **dict.fromkeys(SPOKEN, 1))
        for each in (*waiting, *speaking):
            each.close()
    return {"silent": silent, "opened_s": opened, "scans": scans}


def _half_messages(size: Size, ground: Ground) -> Facts:
    """Connections that end in the midst of a message, one after the other."""
    count = size.count(500, 20)
    said = GREETING + READY + b"\2" + UNSENT.to_bytes(8, "big") + bytes(UNSENT - 1)
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", ground.port)) as speaking:
            speaking.sendall(said)
            speaking.shutdown(socket.SHUT_WR)
            while speaking.recv(65536):  # to close before would be a reset, and not all be read
                pass
    ground.await_counted("closed", closed=count)
    return {"half_messages": count}


@contextmanager
def many_files(count: int) -> Iterator[None]:
    """Allow this process so many descriptors for the duration of a `with` block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 1000), hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _no_descriptors(size: Size, ground: Ground) -> Facts:
    """More connections than the hub has descriptors: it waits without work, and goes on."""
    hub = ground.hub
    open_now = len(list(Path(f"/proc/{hub.pid}/fd").iterdir()))
    resource.prlimit(hub.pid, resource.RLIMIT_NOFILE, (open_now + 50, open_now + 50))
    sockets = [socket.create_connection(("127.0.0.1", ground.port)) for _ in range(300)]
    # Not by its statistics: those are asked by a connection too.
    hub.await_event("client connected")
    spent = cpu_seconds(hub.pid)
    if size.is_measured:
        gevent.sleep(1)  # this is what is measured
    spent = cpu_seconds(hub.pid) - spent
    for each in sockets:
        each.close()
    with zerorpc.Client(ground.front, timeout=2 * PATIENCE) as late:
        assert late.echo(1) == 1
    ground.await_counted("refused_connections", descriptors=1)
    size.within(spent, 0.7, "CPU without descriptors, beside the bystander's calls")
    return {"cpu_while_short_s": spent}


ATTACKS = (_clients_that_vanish, _floods, _strangers, _half_messages, _no_descriptors)
SCENARIOS = (bad_peers,)
