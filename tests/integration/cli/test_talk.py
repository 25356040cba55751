"""The command lines of the talk, letter for letter but for the port."""

from __future__ import annotations

from tests.integration.cli.commands import PATIENCE, Command, free_port, run, shell

QUOTE_LINES = [
    "quote quote('abc def') -> 'abc%20def'",
    "quote_from_bytes Like quote(), but accepts a bytes object rather than a str, and does",
    "quote_plus Like quote(), but also replace ' ' with '+', as required for quoting",
]


def test_unmodified_code_is_exposed_called_and_described() -> None:
    port = free_port()
    with Command("--server", "--bind", f"tcp://0:{port}", "urllib.parse") as server:
        server.wait_for(lambda command: "serving" in command.errors)
        assert server.errors == f'binding to "tcp://0:{port}"\nserving "urllib.parse"\n'

        called = shell(f'zerorpc-client tcp://0:{port} quote "hello pycon"')
        assert (called.returncode, called.stdout, called.stderr) == (0, "'hello%20pycon'\n", "")

        listed = shell(f"zerorpc-client tcp://localhost:{port} | grep ^q")
        assert listed.stdout.splitlines() == QUOTE_LINES

        for question in ("-?", "- ?"):
            asked = shell(f"zerorpc-client tcp://localhost:{port} quote_plus {question}")
            assert asked.stdout.startswith(
                "quote_plus(string, safe='', encoding=None, errors=None)\n\n"
                "Like quote(), but also replace ' ' with '+'"
            )

        failed = shell(f"zerorpc-client tcp://localhost:{port} quote_plus")
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.startswith("Traceback (most recent call last):\n")
        assert failed.stderr.splitlines()[-1].startswith("TypeError: quote_plus() missing 1")
        assert server.out == ""


def test_the_module_of_the_talk_says_where_its_functions_went() -> None:
    done = run("--server", "--bind", "tcp://0:1234", "urllib")
    assert (done.returncode, done.stdout) == (2, "")
    assert "urllib.parse, urllib.request" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_worker_joins_whoever_listens() -> None:
    # The hub's part is played by a caller that binds: to a worker both are a port to connect to.
    port = free_port()
    with Command("--server", f"tcp://localhost:{port}", "urllib.parse") as worker:
        worker.wait_for(lambda command: "serving" in command.errors)
        assert worker.errors.startswith(f'connecting to "tcp://localhost:{port}"\n')
        words = ("--bind", f"tcp://0:{port}", "--timeout", str(PATIENCE), "quote", "hello pycon")
        assert run(*words).stdout == "'hello%20pycon'\n"


def test_the_other_names_of_the_program() -> None:
    versions = [
        shell(command).stdout.split()[-8:]
        for command in ("zerorpc-client --version", "zerorpc --version")
    ]
    assert versions[0] == versions[1] != []
    assert shell("python -m zerorpc --version").stdout.startswith("python -m zerorpc ")
