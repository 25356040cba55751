"""Forks after it has called: `python -m ... forker ENDPOINT`; says how parent and child fare.

The child first uses what it inherited, then makes a client of its own.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import zerorpc
from tests.integration.faults.outcome import outcome_of
from tests.integration.faults.programs import life


def report(who: str, inherited: zerorpc.Client, endpoint: str) -> None:
    """Say what calls end in, and which ids this process gives."""
    facts: dict[str, Any] = {"inherited": outcome_of(lambda: inherited.echo(1)).told()}
    with zerorpc.Client(endpoint) as own:
        facts["own"] = outcome_of(lambda: own.echo(2)).told()
    facts["ids"] = [zerorpc.Context.get_instance().new_msgid().hex() for _ in range(3)]
    life.say(who=who, **facts)


def main() -> None:
    """Call, fork, let both tell."""
    warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on forks beside threads
    life.begin()
    endpoint = sys.argv[1]
    client = zerorpc.Client(endpoint)
    client.echo(0)
    child = os.fork()
    if not child:
        report("child", client, endpoint)
        os._exit(0)
    os.waitpid(child, 0)
    report("parent", client, endpoint)


if __name__ == "__main__":
    main()
