"""What is told, where, and with which exit status, when a call or a server cannot be."""

from __future__ import annotations

import pytest

from tests.integration.cli.commands import free_port, run, serving, shell


def test_a_remote_exception(service: str) -> None:
    done = run(service, "fail", "badly")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert done.stderr.splitlines()[-1] == "ValueError: badly"


def test_wrong_arguments_are_the_remotes_type_error(service: str) -> None:
    done = run(service, "add", "1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "TypeError: " in done.stderr.splitlines()[-1]


def test_a_name_error_of_the_method_itself(service: str) -> None:
    done = run(service, "stumble")
    assert done.returncode == 1
    assert "NameError: name 'undefined_name' is not defined" in done.stderr


@pytest.mark.parametrize("question", [(), ("-?",)])
def test_an_unknown_method(service: str, question: tuple[str, ...]) -> None:
    done = run(service, "cuont", *question)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'zerorpc-client: the remote has no method "cuont"; did you mean "count"?\n'
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "no address given"),
        ("localhost:1234 quote", 'did you mean "tcp://localhost:1234"?'),
        ("tcp://localhost quote", "tcp://localhost"),
        ("tcp://127.0.0.1:99999999 quote", "tcp://127.0.0.1:99999999"),
        ("tcp://no.such.host.invalid:1 quote", "tcp://no.such.host.invalid:1"),
        ("--server --connect tcp://no.such.host.invalid:1 urllib.parse", "no.such.host.invalid"),
        ("-j tcp://127.0.0.1:1234 quote hello", "parameter 1 is not JSON"),
        ("--server --bind tcp://127.0.0.1:* no_such_module", 'no module named "no_such_module"'),
        ("--server --bind tcp://127.0.0.1:* services.Servce", 'did you mean "Service"?'),
        ("--server --bind tcp://192.0.2.1:1234 urllib.parse", "tcp://192.0.2.1:1234"),
        ("--no-such-option", "--no-such-option"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words: str, told: str) -> None:
    done = run(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("zerorpc-client: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use(service: str) -> None:
    done = run("--server", "--bind", service, "urllib.parse")
    assert done.returncode == 2
    assert service in done.stderr
    assert "Address already in use" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nobody_is_there() -> None:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    done = run("--timeout", "0.2", endpoint, "quote")
    assert (done.returncode, done.stdout) == (3, "")
    assert f'no connection at "{endpoint}"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_answer_that_takes_too_long(service: str) -> None:
    done = run("--timeout", "0.2", service, "wait", "3600")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("zerorpc-client: timeout after 0.2s")
    assert done.stderr.count("\n") == 1


def test_a_mistake_with_its_traceback() -> None:
    done = run("-d", "--server", "--bind", "tcp://127.0.0.1:*", "no_such_module")
    assert done.returncode == 2
    assert "ModuleNotFoundError" in done.stderr


def test_a_warning_of_the_server_is_on_its_stderr() -> None:
    with serving("services.Service") as server:
        run(server.endpoint, "fail", "badly")
        server.wait_for(lambda command: "fail failed with ValueError: badly" in command.errors)
        assert server.out == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{} echo >/dev/full", "No space left on device"),
        ("--help >/dev/full", "No space left on device"),
        ("--completion bash >/dev/full", "No space left on device"),
        ("{} echo >&-", "Bad file descriptor"),
    ],
)
def test_a_result_that_cannot_be_written(service: str, line: str, told: str) -> None:
    done = shell(f"zerorpc-client {line.format(service)}")
    assert done.stderr == f"zerorpc-client: cannot write the result: {told}\n"
    assert done.returncode == 4


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize(("method", "status"), [("echo", 0), ("ecco", 2), ("fail badly", 1)])
def test_a_stderr_that_fails_changes_no_status(
    service: str, method: str, status: int, stream: str
) -> None:
    assert shell(f"zerorpc-client {service} {method} {stream}").returncode == status


def test_a_stdin_that_is_closed(service: str) -> None:
    done = shell(f"zerorpc-client -j {service} echo - <&-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "zerorpc-client: parameter 1 (stdin) cannot be read: Bad file descriptor\n"
    )


def test_a_remote_commands_no_terminal(service: str) -> None:
    done = run("-d", service, "fail", "\033[2J")
    assert done.returncode == 1
    assert "\033" not in done.stderr
    assert "ValueError: \\x1b[2J" in done.stderr


def test_an_option_that_means_nothing_is_told(service: str) -> None:
    done = run("--pool-size", "3", service, "add", "a", "b")
    assert (done.returncode, done.stdout) == (0, "'ab'\n")
    assert done.stderr == "zerorpc-client: --pool-size means nothing to a client\n"
