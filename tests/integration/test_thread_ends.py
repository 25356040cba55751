"""Threads: what one of them closes from outside, drops at its end, or uses until the very end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import gevent
import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Serve, wait_until
from tests.programs import ROOT

ECHO = {"echo": lambda value: value}

_BUSY_TO_THE_END = """
import sys, threading, gevent, zerorpc
called = threading.Event()

def hammer():
    client = zerorpc.Client(sys.argv[1])
    def call():
        while True:
            client.echo(1)
            called.set()
    gevent.joinall([gevent.spawn(call) for _ in range(20)])

threading.Thread(target=hammer, daemon=True).start()
assert called.wait(20)
"""


def in_thread(functor: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=functor, daemon=True)
    thread.start()
    return thread


def await_end(thread: threading.Thread) -> None:
    wait_until(lambda: not thread.is_alive(), "the thread ends")


def call_until_closed(client: zerorpc.Client) -> zerorpc.ClosedError:
    try:
        while True:
            client.echo(1)
    except zerorpc.ClosedError as error:
        return error


def test_close_from_another_thread_ends_the_calls_of_a_client(serve: Serve) -> None:
    endpoint = serve(ECHO).endpoints[0]
    clients: list[zerorpc.Client] = []
    ends: list[BaseException] = []

    def work() -> None:
        clients.append(zerorpc.Client(endpoint))
        ends.append(call_until_closed(clients[0]))

    thread = in_thread(work)
    wait_until(lambda: clients and clients[0].is_connected, "the client is connected")
    clients[0].close()
    await_end(thread)
    assert len(ends) == 1


@pytest.mark.parametrize("kind", [zerorpc.Server, zerorpc.Puller])
def test_close_from_another_thread_ends_run(
    kind: type[zerorpc.Server] | type[zerorpc.Puller],
) -> None:
    running: list[zerorpc.Server | zerorpc.Puller] = []

    def run() -> None:
        serving = kind(ECHO)
        serving.bind(ANY_PORT)
        running.append(serving)
        serving.run()

    thread = in_thread(run)
    wait_until(lambda: running, "it is about to run")
    running[0].close()
    await_end(thread)


@pytest.mark.parametrize("has_hub", [True, False])
def test_a_thread_that_ends_leaves_no_socket_open(serve: Serve, has_hub: bool) -> None:
    endpoint = serve(ECHO).endpoints[0]

    def use_and_drop() -> None:
        client = zerorpc.Client(endpoint)
        assert client.echo(1) == 1
        pusher = zerorpc.Pusher()
        pusher.connect(endpoint)

    def work() -> None:
        use_and_drop()
        if not has_hub:
            gevent.get_hub().destroy(destroy_loop=True)  # before anything of ours is closed

    await_end(in_thread(work))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        await_end(in_thread(work))
    allowed = before + 40 * has_hub  # gevent itself leaves two of each hub that nobody destroyed
    wait_until(
        lambda: len(os.listdir("/proc/self/fd")) <= allowed, "what the threads opened is closed"
    )


def test_a_process_ends_in_peace_while_a_thread_still_calls(serve: Serve) -> None:
    endpoint = serve(ECHO).endpoints[0]
    program = subprocess.Popen(
        [sys.executable, "-c", _BUSY_TO_THE_END, endpoint],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: program.poll() is not None, "the process ends", within=3 * PATIENCE)
    _, errors = program.communicate()
    assert (program.returncode, errors) == (0, "")
