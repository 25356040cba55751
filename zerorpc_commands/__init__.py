"""Where the commands begin, before anything of the library is loaded.

That takes a quarter of a second, in which Ctrl-C would show the traceback of some import.
"""

from __future__ import annotations

import importlib
import signal
import sys


def client() -> int:
    """Run `zerorpc-client`, or `zerorpc`; returns the exit status."""
    return _run("zerorpc-client", "zerorpc.cli")


def hub() -> int:
    """Run `zerorpc-hub`; returns the exit status."""
    return _run("zerorpc-hub", "zerorpc_hub.__main__")


def _run(command: str, module: str) -> int:
    # Only from Python's own handler: who starts us in the background may have Ctrl-C ignored.
    is_ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("zerorpc"):
            raise
        name = error.name.partition(".")[0]
        extra = "[daemons]" if command == "zerorpc-hub" else ""
        advice = f"it comes with: pip install 'zerorpc-mesh{extra}'"
        sys.stderr.write(f"{command}: {name} is not installed; {advice}\n")
        return 2
    if is_ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    status: int = main()
    return status
