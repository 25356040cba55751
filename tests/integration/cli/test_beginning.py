"""Ctrl-C while a command loads what it needs: it ends, and shows nothing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# Runs a command that is sent Ctrl-C when it comes to load a module, or never.
_PROGRAM = """
import os, signal, sys
import zerorpc_commands

_, begin, fatal = sys.argv

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == fatal:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv[1:] = ["--version"]
try:
    getattr(zerorpc_commands, begin)()
finally:
    print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
"""


def begun(command: str, module: str) -> subprocess.CompletedProcess[str]:
    """Begin a command, which Ctrl-C meets when it is about to load `module`."""
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, command, module],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "module"), [("client", "gevent"), ("client", "argparse"), ("hub", "pydantic")]
)
def test_ctrl_c_while_it_loads_ends_it_without_a_word(command: str, module: str) -> None:
    done = begun(command, module)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


_WITHOUT = """
import sys
import zerorpc_commands

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "prometheus_client":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
sys.exit(zerorpc_commands.hub())
"""


def test_a_hub_without_what_it_needs_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT], capture_output=True, text=True, timeout=60, check=False
    )
    advice = "it comes with: pip install 'zerorpc-mesh[daemons]'"
    assert done.stderr == f"zerorpc-hub: prometheus_client is not installed; {advice}\n"
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["client", "hub"])
def test_later_it_is_a_keyboard_interrupt_as_ever(command: str) -> None:
    done = begun(command, "no such module")
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "True"
