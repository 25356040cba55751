"""A daemon as a command: what an author fills in, and the options that all daemons have."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic

import gevent

from zerorpc.version import __version__
from zerorpc_daemon.core import C, Core
from zerorpc_daemon.journal import EventLog


class Exit(IntEnum):
    """The status with which a daemon ends."""

    OK = 0  # asked to stop, and everything in progress was finished
    FAILED = 1  # our mistake; the log has a traceback
    MISTAKE = 2  # the user's mistake, told in one line each: options, configuration, a taken port
    CUT_OFF = 3  # asked to stop, and not everything was finished: time was up, or a second signal


@dataclass(frozen=True, slots=True)
class Program(Generic[C]):
    """All that makes a daemon: its name, its configuration, its core, a sentence about it."""

    name: str
    model: type[C]
    core: Callable[[C, EventLog], Core[C]]
    about: str

    @property
    def needs_file(self) -> bool:
        """Whether there is something that only a file can say."""
        return any(info.is_required() for info in self.model.model_fields.values())


_SIGNALS = """\
signals:
  TERM, INT      drain, twice end at once
  HUP            read the configuration again
  USR1           open the log anew
  USR2           replace the process, where that is supported
"""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    file: str | None
    is_check: bool
    is_dump: bool


def parse(program: Program[C], argv: Sequence[str] | None) -> Options:
    """Return the options; ends the process, with status 2 for a mistake, as argparse does."""
    parser = argparse.ArgumentParser(
        program.name,
        description=program.about,
        # As its author wrote it: several lines are a list.
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_SIGNALS,
        allow_abbrev=False,
    )
    parser.add_argument(
        "file",
        nargs=None if program.needs_file else "?",
        metavar="FILE",
        help="the configuration, in YAML; all its keys are in docs/configuration.md",
    )
    parser.add_argument("--check", action="store_true", help="tell all problems of FILE and end")
    parser.add_argument(
        "--dump-config", action="store_true", help="print the values that are in effect and end"
    )
    parser.add_argument("--version", action="version", version=_version(program.name))
    found = parser.parse_args(argv)
    return Options(found.file, found.check, found.dump_config)


def complain(program: str, reason: str) -> None:
    """Tell the user's mistake on standard error."""
    sys.stderr.write(f"{program}: {reason}\n")


def _version(name: str) -> str:
    return f"{name} {__version__} (Python {platform.python_version()}, gevent {gevent.__version__})"
