"""The commands of both libraries, against servers of every kind and serving clients of every kind.

On Python 3.10 and later the stock command does its call and then dies before it prints the result
(B25), so what it did is looked up at the server; its method list it still prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.interop.calls import TEXT
from tests.interop.introspection import METHODS
from tests.interop.pairs import BEAT, Direction, Peers, connect, new_tag
from tests.interop.peer_process import HERE, PATIENCE, STOCK_COMMAND, environment

OURS = [sys.executable, "-m", "zerorpc"]
STOCK = [str(STOCK_COMMAND)]


def _run(command: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        env=environment() | {"NO_COLOR": "1", "COLUMNS": "100"},
        cwd=HERE,
        timeout=PATIENCE,
        check=False,
    )


def ours_lists(peers: Peers, direction: Direction) -> None:
    """Our command lists a server's methods, by whichever builtins that has."""
    done = _run(OURS, peers.endpoint(direction))
    assert done.returncode == 0, done.stderr
    listed = {line.split()[0]: line for line in done.stdout.splitlines()[1:] if line.strip()}
    wanted = {"hello", "add", "count"} if direction.server == "node" else set(METHODS)
    assert wanted <= set(listed), done.stdout
    if direction.server != "node":
        assert done.stdout.splitlines()[0].strip() == "[Service]"
        assert listed["hello"].endswith("Greet NAME.")


def ours_calls(peers: Peers, direction: Direction) -> None:
    """Our command prints results and streams."""
    endpoint = peers.endpoint(direction)
    done = _run(OURS, "-j", "--print-json", endpoint, "add", "2", "3")
    assert (done.returncode, json.loads(done.stdout)) == (0, 5), done.stderr
    done = _run(OURS, endpoint, "hello", "wörld")
    assert (done.returncode, done.stdout) == (0, "'hello, wörld'\n"), done.stderr
    done = _run(OURS, "-j", "--print-json", endpoint, "count", "3")
    assert (done.returncode, json.loads(done.stdout)) == (0, [0, 1, 2]), done.stderr


def ours_fails(peers: Peers, direction: Direction) -> None:
    """Our command shows a remote exception, exits 1 and prints nothing as the result."""
    done = _run(OURS, peers.endpoint(direction), "fail", "so wrong")
    assert (done.returncode, done.stdout) == (1, "")
    assert "so wrong" in done.stderr


def stock_lists(peers: Peers, direction: Direction) -> None:
    """The stock command lists our methods, with signatures when asked."""
    endpoint = peers.endpoint(direction)
    lines = _run(STOCK, endpoint).stdout.splitlines()
    assert lines[0] == "[Service]"
    assert sorted(line.split()[0] for line in lines[1:]) == METHODS
    assert next(line for line in lines if line.startswith("hello")).endswith("Greet NAME.")
    lines = _run(STOCK, endpoint, "-?").stdout.splitlines()
    assert "add(self, a, b=1)" in lines
    shown = _run(STOCK, "-?", endpoint, "hello").stdout
    assert "hello(self, name)" in shown
    assert "The second paragraph" in shown


def stock_calls(peers: Peers, direction: Direction) -> None:
    """The stock command calls our methods and shows our exceptions."""
    pair = peers.shared(direction)
    text = f"{new_tag()} {TEXT}"
    _run(STOCK, peers.endpoint(direction), "note", text)
    assert text in pair.call("notes")
    done = _run(STOCK, peers.endpoint(direction), "fail", "so wrong")
    assert done.returncode == 1
    assert "ValueError: so wrong" in done.stderr


def command_serves(peers: Peers, direction: Direction) -> None:
    """`--server` exposes a module to clients of the other kind."""
    command = OURS if direction.server == "ours" else STOCK
    client = peers.client(direction)
    # The stock command does not tell the port it got, hence a path.
    with tempfile.TemporaryDirectory() as folder:
        endpoint = f"ipc://{Path(folder) / 'socket'}"
        serving = subprocess.Popen(
            [*command, "--server", "--bind", endpoint, "urllib.parse"],
            stderr=subprocess.DEVNULL,
            env=environment(),
            cwd=os.sep,
        )
        try:
            name = new_tag()
            connect(client, name, endpoint, BEAT)
            asked = {"name": name, "method": "quote", "args": ["hello pycon"]}
            assert client.ask("call", **asked) == "hello%20pycon"
        finally:
            with suppress(ProcessLookupError):
                serving.kill()
            serving.wait(PATIENCE)
            client.ask("close", name=name)
