"""Ctrl-C, SIGTERM, a reader that goes, a server that is killed."""

from __future__ import annotations

import signal

import pytest

from tests.integration.cli.commands import PATIENCE, Command, serving, shell


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_in_peace(number: int) -> None:
    with serving("urllib.parse") as server:
        server.signal(number)
        assert server.wait() == 0
        assert server.errors.endswith('serving "urllib.parse"\n')


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_call_may_end_first(number: int) -> None:
    with serving("services.Service") as server, Command(server.endpoint, "wait", "1") as client:
        server.wait_for(lambda command: command.out == "waiting\n")
        server.signal(number)
        assert client.wait() == 0, client.errors + server.errors
        assert client.out == "'done'\n"
        assert server.wait() == 0
        assert "stopping: calls still running: 1\n" in server.errors


def test_a_call_that_takes_longer_than_the_grace_is_ended() -> None:
    with (
        serving("--grace", "0.2", "services.Service") as server,
        Command(server.endpoint, "wait", "3600") as client,
    ):
        server.wait_for(lambda command: command.out == "waiting\n")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert client.wait() == 3
        assert client.out == ""
        assert client.errors.startswith("zerorpc-client: ClosedError: the server stopped")


def test_a_second_signal_ends_the_server_at_once() -> None:
    with (
        serving("--grace", "3600", "services.Service") as server,
        Command(server.endpoint, "wait", "3600") as client,
    ):
        server.wait_for(lambda command: command.out == "waiting\n")
        server.signal(signal.SIGTERM)
        server.wait_for(lambda command: "stopping" in command.errors)
        assert server.is_running
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM
        # The connection broke, which the client hears of without waiting for a heartbeat.
        assert client.wait() == 3
        assert client.errors.startswith("zerorpc-client: ")
        assert client.errors.count("\n") == 1


def test_a_second_signal_ends_even_a_server_that_spins() -> None:
    with (
        serving("services.Service") as server,
        Command(server.endpoint, "spin", str(PATIENCE * 2)) as client,
    ):
        server.wait_for(lambda command: command.out == "spinning\n")
        server.signal(signal.SIGINT)
        server.wait_for(lambda command: "stopping" in command.errors)
        server.signal(signal.SIGINT)
        assert server.wait() == 130
        assert client.wait() == 3


def test_a_killed_server_is_told_at_once() -> None:
    words = ("--heartbeat", "3600", "--timeout", "3600", "wait", "3600")
    with serving("services.Service") as server, Command(server.endpoint, *words) as client:
        server.wait_for(lambda command: command.out == "waiting\n")
        server.signal(signal.SIGKILL)
        assert client.wait() == 3
        assert client.out == ""
        assert client.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("wait", "3600"), 1),
        (("--async", "1000000", "--concurrency", "9", "wait", "0.001"), 3),
        (("--bench", "3600", "wait", "0.001"), 3),
    ],
)
def test_ctrl_c_is_quiet(words: tuple[str, ...], says: int) -> None:
    with serving("services.Service") as server, Command(server.endpoint, *words) as client:
        client.wait_for(lambda _: server.out.count("\n") >= says)
        client.signal(signal.SIGINT)
        assert client.wait() == 130
        assert client.errors == ""


def test_ctrl_c_prints_the_figures_so_far() -> None:
    with (
        serving("services.Service") as server,
        Command("--bench", "3600", server.endpoint, "wait", "0.001") as client,
    ):
        client.wait_for(lambda _: server.out.count("\n") >= 5)
        client.signal(signal.SIGINT)
        assert client.wait() == 130
        figures = dict(line.split() for line in client.out.splitlines())
        assert int(figures["calls"]) >= 3
        assert figures["failed"] == "0"


def test_a_stream_ends_at_the_server_when_its_reader_goes() -> None:
    with serving("services.Service") as server:
        done = shell(
            f"zerorpc-client {server.endpoint} count 1000000 | head -n 2; echo ${{PIPESTATUS[0]}}"
        )
        assert done.stdout == "0\n1\n141\n"
        assert done.stderr == ""
        server.wait_for(lambda command: command.out == "count is over\n")


def test_ctrl_c_ends_a_stream_at_the_server() -> None:
    with serving("services.Service") as server:
        with Command(server.endpoint, "-j", "count", "1000000", "0.001") as client:
            client.wait_for(lambda command: command.out.startswith("0\n1\n"))
            client.signal(signal.SIGINT)
            assert client.wait() == 130
        server.wait_for(lambda command: command.out == "count is over\n")


@pytest.mark.parametrize("words", ["--help", "{}", "{} -?"])
def test_head_may_go_early(parse: str, words: str) -> None:
    done = shell(f"zerorpc-client {words.format(parse)} | head -n 1")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
