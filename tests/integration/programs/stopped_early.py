"""Serves from the command line's code, and gets SIGTERM between its word `serving` and `run()`.

Prints "ok" when it ended as if nothing were special about that.
"""

from __future__ import annotations

import io
import signal

from zerorpc.cli.arguments import Options
from zerorpc.cli.output import Paper
from zerorpc.cli.serving import serve


class Impatient(io.StringIO):
    """Ends the process that writes here as soon as it says that it serves."""

    def write(self, text: str) -> int:
        """Take the text, and act on it."""
        if text.startswith("serving"):
            signal.raise_signal(signal.SIGTERM)
        return super().write(text)


def main() -> None:
    """Serve until the signal."""
    options = Options(bind=("tcp://127.0.0.1:*",), target="urllib.parse", grace=0.1)
    assert serve(options, Paper(Impatient(), {})) == 0
    print("ok")


if __name__ == "__main__":
    main()
