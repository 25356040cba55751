"""The program that runs the Python blocks of one page: a JSON line in, a JSON line out.

It waits for its next block under gevent, so that a server which one block starts in a greenlet
answers while the page goes on.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import sys
import traceback
from typing import Any

from gevent.fileobject import FileObject


def run_examples(code: str, name: str, line: int, namespace: dict[str, Any]) -> tuple[str, str]:
    """Run `>>>` examples; return what failed as the second text."""
    report = io.StringIO()
    test = doctest.DocTestParser().get_doctest(code, namespace, name, name, line - 1)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    # The runner empties and copies the names of a test unless told otherwise.
    test.globs = namespace
    runner.run(test, out=report.write, clear_globs=False)
    return "", report.getvalue()


def run_block(code: str, name: str, line: int, namespace: dict[str, Any]) -> tuple[str, str]:
    """Run statements; return what they printed and the traceback of what went wrong."""
    printed = io.StringIO()
    # Empty lines in front make tracebacks show the line of the page.
    padded = "\n" * (line - 1) + code
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(padded, name, "exec"), namespace)
        except BaseException:
            return printed.getvalue(), traceback.format_exc()
    return printed.getvalue(), ""


def main() -> None:
    """Serve blocks until the page ends."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    answers = sys.stdout
    for request in FileObject(sys.stdin.fileno(), "r", close=False):
        block = json.loads(request)
        is_session = block["code"].lstrip().startswith(">>>")
        run = run_examples if is_session else run_block
        printed, error = run(block["code"], block["name"], block["line"], namespace)
        print(json.dumps({"printed": printed, "error": error}), file=answers, flush=True)


if __name__ == "__main__":
    main()
