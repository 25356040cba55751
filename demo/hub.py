"""The hub's part of the demonstration: balance, a worker that dies, a hub that is replaced."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gevent

import zerorpc
from benchmarks import leaving
from demo.stage import ENVIRON, ROOT, WrongError, expect, run, show

FILE = """\
in: "tcp://127.0.0.1:*"
out: "tcp://127.0.0.1:*"
type: queue
admin: {bind: "127.0.0.1:0"}
log: {file: hub.log, format: json}
"""
CALLERS = 30
PATIENCE = 15.0
WORKERS = ("Quick", "Quick", "Slow")


class HubAtWork:
    """A hub and its workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "hub.log"
        (folder / "foo.yml").write_text(FILE)
        print("$ cat foo.yml")
        print("".join(f"  {line}\n" for line in FILE.splitlines()), end="")
        self.hub = _start(["zerorpc-hub", "foo.yml"], folder)
        self.admin = self.hear("ready")["admin"]
        ends = {each["side"]: each["endpoint"] for each in self.events("listening")}
        self.endpoint, workers = ends["in"], ends["out"]
        self.workers = [
            _start(["zerorpc-client", "--server", workers, f"demo.worker.{kind}"], ROOT)
            for kind in WORKERS
        ]
        self.hear("worker connected", len(WORKERS))

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the hub's log that tell of something."""
        lines = self._log.read_text().split("\n")[:-1] if self._log.exists() else []
        return [each for each in map(json.loads, lines) if each["event"] == event]

    def hear(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until the log has told of something so often, and return the last time."""
        end = time.monotonic() + PATIENCE
        while len(self.events(event)) < count:
            expect(time.monotonic() < end, f"the hub's log tells of {event!r}")
            gevent.sleep(0.02)
        return self.events(event)[-1]

    def end(self) -> None:
        """End all processes."""
        for process in (*self.workers, self.hub):
            process.terminate()
        for process in (*self.workers, self.hub):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            process.kill()
            process.wait()


def _start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    print(f"$ {shlex.join(words)} &")
    # Workers say on standard error what everyone has seen above already.
    return leaving.launch(words, cwd=folder, env=ENVIRON, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def hub_at_work() -> Iterator[HubAtWork]:
    """Start a hub and its workers, and end them whatever happens."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        hub = HubAtWork(Path(folder))
        stack.callback(hub.end)
        yield hub


class Load:
    """Many callers at once, each of which calls again when it has its answer."""

    def __init__(self, client: zerorpc.Client) -> None:
        self.answers: Counter[str] = Counter()
        self.errors: list[tuple[float, Exception]] = []
        self.longest = 0.0
        self._client = client
        self._is_over = False
        self._callers = [gevent.spawn(self._call) for _ in range(CALLERS)]

    def _call(self) -> None:
        while not self._is_over:
            began = time.perf_counter()
            try:
                self.answers[self._client.work()] += 1
            except zerorpc.ZerorpcError as error:
                self.errors.append((time.perf_counter(), error))
            self.longest = max(self.longest, time.perf_counter() - began)

    def go_on(self, count: int) -> None:
        """Return when there are so many answers more."""
        wanted = self.answers.total() + count
        with gevent.Timeout(PATIENCE, WrongError(f"{count} more answers")):
            while self.answers.total() < wanted:
                gevent.sleep(0.01)

    def end(self) -> None:
        """Wait for the last answers."""
        self._is_over = True
        gevent.joinall(self._callers, timeout=PATIENCE)
        told = ", ".join(f"{count} by {name}" for name, count in self.answers.most_common())
        print(f"  {self.answers.total()} calls answered: {told}; {len(self.errors)} failed")


@contextlib.contextmanager
def load(hub: HubAtWork) -> Iterator[Load]:
    """Put load on a hub from here."""
    show(f'client = zerorpc.Client("{hub.endpoint}")   # {CALLERS} callers at once')
    with zerorpc.Client(hub.endpoint) as client:
        load = Load(client)
        try:
            load.go_on(200)
            yield load
        finally:
            load.end()


def balance(hub: HubAtWork) -> None:
    """Each worker gets as many calls as it can finish."""
    with load(hub) as calls:
        calls.go_on(400)
    expect(not calls.errors, "no call fails")
    share = calls.answers["Slow"] / calls.answers.total()
    print(f"  the slow one got {share:.0%} of them")
    expect(0 < share < 0.2, "the slow one gets few, and some")


def look(hub: HubAtWork) -> None:
    """The hub shows what it does."""
    with load(hub):
        words = ("zerorpc-hub", "top", hub.admin, "--once", "--interval", "0.5")
        # Waited for by another thread, or the callers here would stand still.
        said = gevent.get_hub().threadpool.apply(run, words)
    expect("3 workers" in said, "all workers are listed")


def kill_a_worker(hub: HubAtWork) -> None:
    """A worker is killed under load: the callers of its calls are told, nobody else notices."""
    with load(hub) as calls:
        victim = hub.workers[-1]
        print(f"$ kill -KILL {victim.pid}")
        victim.kill()
        killed = time.perf_counter()
        victim.wait()
        calls.go_on(400)
    expect(bool(calls.errors), "it had calls")
    expect(len(calls.errors) < CALLERS, "most callers notice nothing")
    latest = max(at for at, _ in calls.errors) - killed
    kinds = {type(error) for _, error in calls.errors}
    print(f"  {calls.errors[0][1]}\n  told within {latest * 1000:.0f} ms")
    expect(kinds == {zerorpc.LostRemote}, "all of them are told the same")
    expect(latest < 1.0, "told by the connection, not by the silence")


def replace_the_hub(hub: HubAtWork) -> None:
    """The hub is replaced by a new process under load, and nobody notices."""
    with load(hub) as calls:
        print(f"$ kill -USR2 {hub.hub.pid}")
        os.kill(hub.hub.pid, signal.SIGUSR2)
        ready = hub.hear("ready", 2)
        hub.admin = ready["admin"]
        calls.go_on(400)
    print(f"  the longest call took {calls.longest * 1000:.0f} ms")
    expect(not calls.errors, "no call fails")
    expect(ready["pid"] == hub.hub.pid, "the process id is the same")


HUB_STEPS: list[Callable[[HubAtWork], None]] = [balance, look, kill_a_worker, replace_the_hub]
