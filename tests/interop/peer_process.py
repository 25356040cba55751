"""One peer program in a process of its own, commanded by JSON lines.

Knows how each kind of peer is started, and nothing of what is asked of it.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tests.interop.peers.plain import from_plain, to_plain

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
INSTALLED = Path(os.environ.get("ZERORPC_PEERS", ROOT / ".peers"))
STOCK_PYTHON = INSTALLED / "stock" / "bin" / "python"
STOCK_COMMAND = INSTALLED / "stock" / "bin" / "zerorpc"
NODE_MODULES = INSTALLED / "node" / "node_modules"

# Long enough for two busy cores; what must be faster is asserted by its cause, not by a clock.
PATIENCE = 60.0

COMMANDS = {
    "ours": [sys.executable, "-m", "peers.peer"],
    "stock": [str(STOCK_PYTHON), "-m", "peers.peer"],
    "node": ["node", str(HERE / "peers" / "peer.js")],
}


class PeerError(Exception):
    """What a peer's operation raised, in the peer's own words.

    `kind` is the class it raised; `name`, `msg` and `traceback` are those of a remote error.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        super().__init__(described["text"], described.get("local", ""))
        self.kind: str = described["class"]
        self.name: str = described.get("name", "")
        self.msg: str = described.get("msg", "")
        self.traceback: str = described.get("traceback", "")


def environment() -> dict[str, str]:
    """Return this process's environment without what would lead a peer to our own packages."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if key not in ours}
    return kept | {"NODE_PATH": str(NODE_MODULES), "NODE_NO_WARNINGS": "1"}


def absence(kind: str) -> str | None:
    """Return why the peer KIND cannot be run here, None if it can."""
    if kind == "ours" or (INSTALLED / kind / "installed").exists():
        return None
    note = INSTALLED / f"{kind}.missing"
    return note.read_text().strip() if note.exists() else f"no {INSTALLED / kind}: `make peers`"


def require(kind: str) -> None:
    """Skip the running test where KIND is not installed, or fail it where CI should have it."""
    reason = absence(kind)
    if reason and os.environ.get("CI"):
        pytest.fail(f"interop peer {kind!r} is missing: {reason}")
    if reason:
        pytest.skip(reason)


class Peer:
    """A running peer of one KIND: "ours", "stock" or "node"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `quit`
        self._process = subprocess.Popen(
            COMMANDS[kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=HERE,
            env=environment(),
        )
        self._ids = itertools.count()
        self._lock = threading.Lock()
        self._pending: dict[int, Future[Any]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask_later(self, op: str, **arguments: Any) -> Future[Any]:
        """Give the command OP and return the future of its answer."""
        answer: Future[Any] = Future()
        assert self._process.stdin is not None
        with self._lock:
            number = next(self._ids)
            self._pending[number] = answer
            plain = {key: to_plain(value) for key, value in arguments.items()}
            line = json.dumps({"id": number, "op": op, **plain}) + "\n"
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
        return answer

    def ask(self, op: str, **arguments: Any) -> Any:
        """Give the command OP and wait for its answer; raises `PeerError` if it is one."""
        return self.ask_later(op, **arguments).result(PATIENCE)

    def freeze(self) -> None:
        """Stop the process where it is, sockets open."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process with no chance to say goodbye; works on a frozen one too."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def quit(self) -> None:
        """End the process and everything that was opened for it."""
        if self._process.poll() is None:
            self.kill()
        self._reader.join(PATIENCE)
        for stream in (self._process.stdin, self._process.stdout, self._said):
            assert stream is not None
            stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.startswith(b'{"id"'):  # a library's own chatter
                continue
            said = json.loads(line)
            answer = self._pending.pop(said["id"])
            if "error" in said:
                answer.set_exception(PeerError(said["error"]))
            else:
                answer.set_result(from_plain(said["value"]))
        self._fail_pending()

    def _fail_pending(self) -> None:
        self._said.seek(0)
        last_words = self._said.read()[-4000:].decode(errors="replace")
        for answer in self._pending.values():
            text = f"the {self.kind} peer ended; it said last:\n{last_words}"
            answer.set_exception(PeerError({"class": "PeerGone", "text": text}))


def unexpected(value: Any) -> AssertionError:
    """Return the failure of something that gave VALUE and should have raised."""
    return AssertionError(f"expected an error, got {value!r}")
