"""The program: from the words of the command line to an exit status.

The one place where errors end: each kind becomes a status and, for all but a remote exception, one
line on stderr.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

import gevent
import msgpack

from zerorpc import zmq
from zerorpc.client import Client
from zerorpc.errors import ZerorpcError
from zerorpc.quoting import printable
from zerorpc.transport.interrupts import waking_on_signals
from zerorpc.version import __version__

from . import completion, inspection, listing, session, shells
from .arguments import Options, parse
from .outcome import Exit, Mistake, Unreachable, Unwritable, ending
from .output import Paper
from .serving import serve

# Long enough for a round trip, short enough for a finger that rests on <TAB>.
_COMPLETION_TIMEOUT = 1.0

_log = logging.getLogger(__name__)


class _Formatter(logging.Formatter):
    """Keeps a remote's words, which tracebacks repeat, from commanding the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, their control characters escaped."""
        return printable(super().format(record), keep="\n\t")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv`, by default the process's own, and return the exit status."""
    program = _program_name(sys.argv[0])
    _open_closed_streams()
    out, errors = _paper(sys.stdout), _paper(sys.stderr, may_get_lost=True)
    try:
        try:
            # First of all, so that a mistake is told before anything is opened.
            words = sys.argv[1:] if argv is None else argv
            return _run(program, parse(words, program, _versions(program)), out, errors)
        finally:
            # Here, and not at the end of the interpreter, a reader that has gone can be met.
            out.flush()
            errors.flush()
            if argv is None:
                # The process ends: nobody gains by its last searches for cyclic garbage, and
                # they take a tenth of the time that `--version` takes.
                gc.freeze()
    except BrokenPipeError:
        return Exit.BROKEN_PIPE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except (Mistake, Unreachable, Unwritable, ZerorpcError) as error:
        _log.debug("where it came from", exc_info=True)
        status, text = ending(error)
        # A traceback speaks for itself, and scripts may want to parse it.
        is_remote = status is Exit.REMOTE_ERROR
        errors.line(text if is_remote else f"{errors.red(f'{program}:')} {text}")
        return status


def _run(program: str, options: Options, out: Paper, errors: Paper) -> int:
    # Warnings too go to stderr only: stdout belongs to the result.
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = logging.DEBUG if options.is_debug else logging.WARNING
    logging.basicConfig(level=level, handlers=[handler])
    for option in options.ignored:
        role = "a server" if options.is_server else "a client"
        errors.line(f"{program}: {option} means nothing to {role}")
    if options.completion is not None:
        out.text(shells.script(options.completion))
        return Exit.OK
    # The hub would print a traceback of its own before it passes Ctrl-C on.
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, KeyboardInterrupt)
    with waking_on_signals():
        if options.complete is not None:
            for word, description in completion.candidates(options.complete, _ask_methods):
                out.line(f"{word}\t{description}")
            return Exit.OK
        if options.is_server:
            return serve(options, errors)
        return session.run(options, out, errors)


def _ask_methods(endpoints: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Name and first line of doc of each method; nothing if nobody answers, nobody reads errors."""
    try:
        # No heartbeat: it is over before the first would be due.
        with Client(timeout=_COMPLETION_TIMEOUT, heartbeat=None) as client:
            for endpoint in endpoints:
                client.connect(endpoint)
            return listing.rows(inspection.ask_service(client))
    except (ZerorpcError, Mistake):
        return []


def _open_closed_streams() -> None:
    """Stand in for the standard streams that `<&-` and `>&-` have closed, which are None.

    Their descriptors are taken, or the first sockets would get them and what is meant for stderr.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The wrong way round, so that using them fails as it does with a closed descriptor.
            flags = os.O_WRONLY if mode == "r" else os.O_RDONLY
            stream = open(os.open(os.devnull, flags), mode)  # noqa: SIM115  # never closed
            setattr(sys, name, stream)


def _paper(stream: TextIO, *, may_get_lost: bool = False) -> Paper:
    # A result must not fail because the encoding of the terminal lacks a character.
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return Paper(stream, os.environ, may_get_lost=may_get_lost)


def _program_name(path: str) -> str:
    name = os.path.basename(path)
    # So that the examples of `--help` can be copied.
    return "python -m zerorpc" if name == "__main__.py" else name


def _versions(program: str) -> str:
    """One line that belongs into every bug report."""
    return (
        f"{program} {__version__} (Python {platform.python_version()}, gevent {gevent.__version__},"
        f" pyzmq {zmq.pyzmq_version()}, libzmq {zmq.zmq_version()},"
        f" msgpack {'.'.join(map(str, msgpack.version))})"
    )
