"""What concerns a whole process: forks, gevent's monkey patches, signals to a running server."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import zerorpc
from tests.integration.running import ANY_PORT, PATIENCE, Dial, Keep, Serve, begin, wait_until
from tests.programs import ROOT


def run(program: str, *arguments: str) -> None:
    """Run a program of this folder and see that all of it held, in silence."""
    ended = subprocess.run(
        [sys.executable, "-m", f"tests.integration.programs.{program}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
        check=False,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("ok\n", "", 0)


@pytest.mark.parametrize("how", ["os", "multiprocessing"])
def test_a_child_uses_fresh_objects_and_inherited_ones_explain_themselves(how: str) -> None:
    run("forks", how)


@pytest.mark.parametrize("form", ["none", "first", "late"])
def test_everything_works_with_monkey_patches_and_without(form: str) -> None:
    run("patched", form)


def test_a_process_has_one_context_until_it_is_closed() -> None:
    run("shared_context")


def test_a_process_ends_though_others_left_sockets_open_in_its_context() -> None:
    """Python 3.12 starts no thread at that point, in which one could wait for a bounded time."""
    run("left_open")


def test_a_signal_handler_may_close_whatever_it_interrupts() -> None:
    run("signalled_close")


def test_a_signal_right_before_the_command_line_serves_is_not_lost() -> None:
    run("stopped_early")


@pytest.mark.parametrize("how", ["kept", "dropped", "published"])
def test_what_was_sent_right_before_the_end_of_a_process_arrives(
    keep: Keep, how: str, tmp_path: Path
) -> None:
    notes: list[Any] = []
    kind = zerorpc.Subscriber if how == "published" else zerorpc.Puller
    puller = keep(kind({"note": notes.append}))
    (endpoint,) = puller.bind(ANY_PORT)
    begin(puller.run)
    program, heard = "tests.integration.programs.pushed", tmp_path / "heard"
    command = [sys.executable, "-m", program, how, endpoint, str(heard)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as sender:
        if how == "published":
            wait_until(lambda: "hello" in notes, "it is heard")
            heard.touch()
        wait_until(lambda: 4 in notes, "the last has come")
        assert sender.stderr is not None
        assert (sender.stderr.read(), sender.wait()) == (b"", 0)
    assert [note for note in notes if note != "hello"] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_closed", [False, True])
def test_what_nobody_takes_by_the_end_is_told(is_closed: bool) -> None:
    say = "import zerorpc; p = zerorpc.Pusher(); p.connect('tcp://127.0.0.1:1'); p.note(1)"
    program = f"{say}; p.close()" if is_closed else say
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stderr == b"closed with 1 messages that were not sent\n"


@pytest.mark.parametrize("method", [None, "wait", "spin", "block", "stop_and_wait"])
@pytest.mark.parametrize("kind", ["server", "puller"])
def test_ctrl_c_ends_run_whatever_runs(
    keep: Keep, tmp_path: Path, kind: str, method: str | None
) -> None:
    """Not the handler that it happens to strike: it would tell its caller, and that is all."""
    endpoint, begun = f"ipc://{tmp_path}/socket", tmp_path / "begun"
    program = "tests.integration.programs.interrupted"
    serving = subprocess.Popen(
        [sys.executable, "-m", program, kind, endpoint, str(begun)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # where the handler's own end is logged
        text=True,
    )
    try:
        caller = keep(zerorpc.Client() if kind == "server" else zerorpc.Pusher())
        caller.connect(endpoint)
        if method is not None:
            caller(method, **({"async_": True} if kind == "server" else {}))
            wait_until(begun.exists, "the method runs")
        elif kind == "server":
            caller("_zerorpc_ping")
        else:
            wait_until((tmp_path / "socket").exists, "it is bound")
            caller("unknown")
        serving.send_signal(signal.SIGINT)
        wait_until(lambda: serving.poll() is not None, "the process ends")
        assert (serving.stdout.read() if serving.stdout else "", serving.returncode) == (
            "KeyboardInterrupt\n",
            0,
        )
    finally:
        serving.kill()
        serving.communicate()


def test_ctrl_c_is_left_to_programs_that_handle_it(serve: Serve, dial: Dial) -> None:
    """And to Python where `run()` is not the main greenlet's: this test's own, for one."""
    before = signal.getsignal(signal.SIGINT)
    assert dial(serve({"get": lambda: str(signal.getsignal(signal.SIGINT))})).get() == str(before)
    assert signal.getsignal(signal.SIGINT) is before
