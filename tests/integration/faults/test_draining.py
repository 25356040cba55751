"""A server that stops: what runs may end within the grace, what comes is refused unstarted."""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Iterator

import pytest

import zerorpc
from tests.integration.faults.outcome import VALUE, Calls, kinds
from tests.integration.faults.processes import PATIENCE, ServerProcess, wait_until
from tests.integration.faults.raw_peer import RawPeer
from tests.integration.faults.server_faults import running

LONG = 600.0


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess(grace=LONG) as started:
        yield started


def test_running_calls_end_and_the_process_with_them(server: ServerProcess) -> None:
    with zerorpc.Client(server.endpoint) as client:
        calls = Calls([functools.partial(client.slow, 0.5), lambda: list(client.count(5000))])
        wait_until(lambda: client.streams()[0] == 1 and running(client) >= 1, "both have begun")
        server.signal(signal.SIGTERM)
        assert kinds(calls.outcomes(PATIENCE)) == {VALUE: 2}
        assert server.wait() == 0, server.errors


def test_grace_is_the_limit_for_running_calls() -> None:
    with ServerProcess(grace=0.3) as server, zerorpc.Client(server.endpoint) as client:
        calls = Calls([functools.partial(client.slow, LONG)] * 5)
        wait_until(lambda: running(client) == 5, "the calls run")
        began = time.monotonic()
        server.signal(signal.SIGTERM)
        outcomes = calls.outcomes(PATIENCE)
        assert kinds(outcomes) == {"RemoteError": 5}
        assert {outcome.value.name for outcome in outcomes} == {"ClosedError"}
        assert server.wait() == 0, server.errors
        assert time.monotonic() - began >= 0.3


def test_stream_that_never_ends_is_ended_by_the_grace() -> None:
    with ServerProcess(grace=0.3) as server, zerorpc.Client(server.endpoint) as client:
        calls = Calls([lambda: list(client.ticking(0.01))])
        wait_until(lambda: running(client) == 1, "the stream runs")
        server.signal(signal.SIGTERM)
        assert kinds(calls.outcomes(PATIENCE)) == {"RemoteError": 1}
        assert server.wait() == 0, server.errors


def test_calls_during_draining_are_refused_unstarted(server: ServerProcess) -> None:
    with RawPeer(server.endpoint) as raw:
        open_call = raw.send("slow", [LONG])
        assert raw.call("mark", "before") == ("OK", [1])
        server.signal(signal.SIGTERM)

        def refused() -> bool:
            name, args = raw.call("mark", "during")
            return name == "ERR" and args[0] == "Draining"

        wait_until(refused, "the server refuses new calls")
        message_id = raw.send("mark", ["late"])
        header, name, args = raw.receive()
        assert header["response_to"] == message_id
        assert (header["draining"], name, args[0]) == (True, "ERR", "Draining")
        raw.send("_zpc_close", [], response_to=open_call)
        assert server.wait() == 0, server.errors


def test_our_client_takes_a_refused_call_to_another_server(server: ServerProcess) -> None:
    with (
        ServerProcess() as other,
        zerorpc.Client(server.endpoint) as holder,
        zerorpc.Client([server.endpoint, other.endpoint]) as client,
    ):
        waiting = Calls([functools.partial(holder.slow, LONG)])
        wait_until(lambda: running(holder) == 1, "the call runs")
        wait_until(lambda: [client.mark(0) for _ in range(2)] and client.marks(), "both are up")
        server.signal(signal.SIGTERM)
        for number in range(1, 50):
            client.mark(number)
        assert client.marks()[-10:] == list(range(40, 50))
        server.kill()
        waiting.outcomes(PATIENCE)
