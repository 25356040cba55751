"""`make demo`: what the library and the hub do, in half a minute, each step checked.

Prints every command that it runs; ends with 0 only if each step came out right.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import shlex
import subprocess
import time
import urllib.parse
from collections.abc import Callable, Iterator

import zerorpc
from benchmarks import leaving
from demo.hub import HUB_STEPS, hub_at_work
from demo.stage import ENVIRON, ROOT, WrongError, expect, report, run, show

CALLS = 1000
WINDOW = 10


class Service:
    """A server process that exposes a module or class through the command line."""

    def __init__(self, target: str) -> None:
        words = ["zerorpc-client", "--server", "--bind", "tcp://127.0.0.1:*", target]
        print(f"$ {shlex.join(words)} &")
        self.process = leaving.launch(
            words, cwd=ROOT, env=ENVIRON, stderr=subprocess.PIPE, text=True
        )
        self.endpoint = self._listening()

    def _listening(self) -> str:
        """Wait until it serves; return the endpoint that it chose."""
        endpoint = ""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            print(f"  {line}", end="")
            if found := re.search(r'listening on "(.+)"', line):
                endpoint = found[1]
            if line.startswith("serving"):
                break
        expect(bool(endpoint), "the server says where it listens")
        return endpoint

    def close(self) -> int:
        """Ask it to end; return its exit status."""
        self.process.terminate()
        self.process.communicate(timeout=15)
        return self.process.returncode


def call_from_the_shell(parse: Service, _: Service) -> None:
    """An unmodified module is called from the shell."""
    said = run("zerorpc-client", parse.endpoint, "quote", "hello pycon")
    expect("hello%20pycon" in said, "the result is printed")


def call_from_python(parse: Service, _: Service) -> None:
    """The same from Python, as if it were local."""
    show(f'client = zerorpc.Client("{parse.endpoint}")')
    with zerorpc.Client(parse.endpoint) as client:
        show('client.unquote("hello%20pycon")')
        result = client.unquote("hello%20pycon")
        print(f"  {result!r}")
    expect(result == "hello pycon", "the result is the module's own")


def list_methods(parse: Service, _: Service) -> None:
    """A service tells what it offers."""
    said = run("zerorpc-client", parse.endpoint)
    names = ["quote", "unquote", "urlsplit", "urlencode"]
    expect(
        all(re.search(rf"^{name}\b", said, re.MULTILINE) for name in names), f"{names} are listed"
    )


def show_signature(parse: Service, _: Service) -> None:
    """A method shows its signature and its documentation."""
    said = run("zerorpc-client", parse.endpoint, "quote", "-?")
    doc = inspect.getdoc(urllib.parse.quote) or ""
    expect("safe='/'" in said, "the signature shows the default of `safe`")
    expect(doc.splitlines()[0] in said, "the documentation is the module's own")


def raise_remotely(parse: Service, _: Service) -> None:
    """An exception of the server reaches the caller with its traceback."""
    said = run("zerorpc-client", parse.endpoint, "urlsplit", "http://[", status=1)
    expect("Traceback" in said and "ValueError: Invalid IPv6 URL" in said, "it is the remote one")


def hold_a_stream_back(_: Service, counter: Service) -> None:
    """A generator runs only as far ahead as its reader allows."""
    show(f'client = zerorpc.Client("{counter.endpoint}")')
    with zerorpc.Client(counter.endpoint) as client:
        show(f"numbers = client.count(slots={WINDOW})   # without an end")
        numbers = client.count(slots=WINDOW)
        show("[next(numbers) for _ in range(25)]")
        read = [next(numbers) for _ in range(25)]
        show("client.produced()")
        produced = client.produced()
        print(f"  {produced}")
        numbers.close()
    expect(read == list(range(25)), "the numbers come in order")
    # Besides the window, one number may be on its way to be sent.
    expect(25 <= produced <= 25 + WINDOW + 1, f"at most {WINDOW} numbers wait for the reader")


def call_concurrently(parse: Service, _: Service) -> None:
    """A thousand calls are under way at once, on one connection, in one process."""
    with zerorpc.Client(parse.endpoint) as client:
        client.quote("warm up")
        show(f"pending = [client.quote(str(n), async_=True) for n in range({CALLS})]")
        started = time.perf_counter()
        pending = [client.quote(str(n), async_=True) for n in range(CALLS)]
        show("results = [each.get() for each in pending]")
        results = [each.get() for each in pending]
        seconds = time.perf_counter() - started
    print(f"  {CALLS} calls in {seconds * 1000:.0f} ms: {CALLS / seconds:,.0f} calls/s")
    expect(results == [str(n) for n in range(CALLS)], "each call has its own result")


def kill_the_server(_: Service, counter: Service) -> None:
    """A caller hears at once that its server died, long before a heartbeat is due."""
    with zerorpc.Client(counter.endpoint) as client:
        show("words = client.hang(); next(words)")
        words = client.hang()
        expect(next(words) == "started", "the call is running")
        print(f"$ kill -KILL {counter.process.pid}")
        counter.process.kill()
        started = time.perf_counter()
        show("next(words)")
        try:
            next(words)
        except zerorpc.LostRemote as error:
            seconds = time.perf_counter() - started
            print(f"  LostRemote: {error}\n  after {seconds * 1000:.1f} ms")
        else:
            raise WrongError("the call must not go on")
    expect(seconds < 1.0, "told by the connection, not by the silence")


STEPS: list[Callable[[Service, Service], None]] = [
    call_from_the_shell,
    call_from_python,
    list_methods,
    show_signature,
    raise_remotely,
    hold_a_stream_back,
    call_concurrently,
    kill_the_server,
]


@contextlib.contextmanager
def services() -> Iterator[tuple[Service, Service]]:
    """Start both servers, and end them whatever happens."""
    with contextlib.ExitStack() as stack:
        parse = Service("urllib.parse")
        stack.callback(parse.close)
        counter = Service("demo.counter.Counter")
        stack.callback(counter.close)
        yield parse, counter


def main() -> int:
    """Run all steps; return the exit status."""
    started = time.perf_counter()
    print("-- Two servers, neither of which has a line of network code")
    with services() as (parse, counter):
        outcomes = [report(step, parse, counter) for step in STEPS]
    print("\n-- A hub with three workers, one of which is ten times slower than the others")
    with hub_at_work() as hub:
        outcomes += [report(step, hub) for step in HUB_STEPS]
    print(f"\n{sum(outcomes)} of {len(outcomes)} steps came out right", end=" ")
    print(f"in {time.perf_counter() - started:.1f} s")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    leaving.run(main)
