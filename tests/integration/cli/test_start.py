"""What only some programs need is not loaded before they need it."""

from __future__ import annotations

import subprocess
import sys

# Together they take a tenth of the time in which the command line starts.
COSTLY = ("inspect", "ast", "pprint", "dataclasses", "difflib")
LOADED = f"import sys, zerorpc.cli; print(*(set({COSTLY!r}) & set(sys.modules)))"


def test_the_command_line_starts_without_what_calls_do_not_need() -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}; {LOADED}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
