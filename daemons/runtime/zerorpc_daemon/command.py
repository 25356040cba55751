"""From the words of a command line to an exit status: all that a daemon's `__main__` calls."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from zerorpc_daemon.core import C, StartError
from zerorpc_daemon.dumping import dump
from zerorpc_daemon.loading import load
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.program import Exit, Program, complain, parse
from zerorpc_daemon.runtime import Runtime
from zerorpc_daemon.secret import token_of


def run(program: Program[C], argv: Sequence[str] | None = None) -> int:
    """Run a daemon until it ends, and return its exit status."""
    options = parse(program, argv)
    try:
        config = load(options.file, program.model)
        if options.is_dump:
            sys.stdout.write(dump(config))
            return Exit.OK
        if options.is_check:
            # What the file only names must be there as well, or the start would tell it first.
            token_of(config.admin)
            sys.stdout.write(f"{options.file or '(no file)'}: ok\n")
            return Exit.OK
        return Runtime(program, options.file, config).run()
    except ConfigError as error:
        # As they are, without the program's name: editors and terminals make links of them.
        sys.stderr.write(f"{error}\n")
    except StartError as error:
        complain(program.name, str(error))
    return Exit.MISTAKE
