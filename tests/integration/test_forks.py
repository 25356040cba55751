"""What a child process finds of its parent: objects that say so, and nothing that hangs."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.running import wait_until
from tests.programs import ROOT

_FORKS_IN_A_HANDLER = """
import os, sys, warnings, gevent, zerorpc
warnings.simplefilter("ignore", DeprecationWarning)

@zerorpc.stream
def fork():
    child = os.fork()
    try:
        yield "child" if not child else "parent"
        os.waitpid(child, 0)
    finally:
        if not child:
            print("the child's handler ends", flush=True)
            os._exit(0)

server = zerorpc.Server({"fork": fork})
client = zerorpc.Client(server.bind("tcp://127.0.0.1:*"))
gevent.spawn(server.run)
print(*client.fork(), flush=True)
"""

_FORKS_WITH_AN_ITERATOR = """
import os, warnings, gevent, zerorpc
warnings.simplefilter("ignore", DeprecationWarning)
server = zerorpc.Server({"count": zerorpc.stream(range)})
client = zerorpc.Client(server.bind("tcp://127.0.0.1:*"))
gevent.spawn(server.run)
numbers = client.count(100_000)
next(numbers)
child = os.fork()
try:
    print(sum(1 for _ in numbers), flush=True)
except zerorpc.ClosedError as error:
    print("ClosedError", "fork" in str(error), flush=True)
if not child:
    os._exit(0)
os.waitpid(child, 0)
"""


def lines_of(program: str) -> list[str]:
    """Run a program and return what it says, in the order of the alphabet."""
    running = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        wait_until(lambda: running.poll() is not None, "the program ends")
    finally:
        running.kill()
        said, _ = running.communicate()
    assert running.returncode == 0
    return sorted(said.splitlines())


def test_a_handler_that_forked_ends_in_the_child_at_its_next_word() -> None:
    assert lines_of(_FORKS_IN_A_HANDLER) == ["parent", "the child's handler ends"]


def test_a_stream_goes_on_in_the_parent_only() -> None:
    assert lines_of(_FORKS_WITH_AN_ITERATOR) == ["99999", "ClosedError True"]
