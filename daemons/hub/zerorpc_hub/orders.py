"""Orders to a running hub from the command line: `zerorpc-hub drain WORKER` and others.

Each is one request to the admin port, whose answer is printed as a table or as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zerorpc_daemon.admin_client import (
    REPLACED_S,
    AdminClient,
    AdminError,
    add_options,
    client_of,
)
from zerorpc_daemon.program import Exit, complain
from zerorpc_daemon.settings import LEVELS

# Between two looks at what a drained worker still has to do.
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """One of them: its argument, and what it does.

    `carry_out` gets a client, the argument and the options, and returns the rows to print.
    """

    argument: str
    about: str
    carry_out: Callable[[AdminClient, argparse.Namespace], Any]


def _drain(client: AdminClient, options: argparse.Namespace) -> Any:
    drained = client.post("/drain", {"worker": options.argument})
    deadline = time.monotonic() + options.wait
    while any(row["in_flight"] for row in drained):
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_S)
        hubs = client.get("/stats", patience=REPLACED_S)["hubs"]
        for row in drained:
            # One that has gone meanwhile has nothing more to do.
            workers = hubs.get(row["hub"], {}).get("by_worker", {})
            row["in_flight"] = workers.get(row["worker"], {}).get("in_flight", 0)
    return drained


def _undrain(client: AdminClient, options: argparse.Namespace) -> Any:
    return client.post("/undrain", {"worker": options.argument})


def _kick(client: AdminClient, options: argparse.Namespace) -> Any:
    return client.post("/kick", {"peer": options.argument})


def _channels(client: AdminClient, _: argparse.Namespace) -> Any:
    return client.get("/channels")["channels"]


def _peers(client: AdminClient, _: argparse.Namespace) -> Any:
    return client.get("/peers")["peers"]


def _log_level(client: AdminClient, options: argparse.Namespace) -> Any:
    return [client.post("/log-level", {"level": options.argument})]


def _reload(client: AdminClient, _: argparse.Namespace) -> Any:
    return [client.post("/reload")]


ORDERS: Mapping[str, Order] = {
    "drain": Order("WORKER", "Give workers no new calls; those they have go on.", _drain),
    "undrain": Order("WORKER", "Give drained workers calls again.", _undrain),
    "kick": Order("PEER", "Hang up on workers or clients.", _kick),
    "channels": Order("", "List the open calls, the oldest first.", _channels),
    "peers": Order("", "List the connections, those with most calls first.", _peers),
    "log-level": Order("LEVEL", f"Log from this level on: {', '.join(LEVELS)}.", _log_level),
    "reload": Order("", "Read the configuration again, as SIGHUP does.", _reload),
}


def give(name: str, argv: Sequence[str], default_url: str) -> int:
    """Give an order to a running hub; returns the exit status."""
    order = ORDERS[name]
    command = f"zerorpc-hub {name}"
    parser = argparse.ArgumentParser(command, description=order.about, allow_abbrev=False)
    if order.argument:
        is_glob = order.argument != "LEVEL"
        parser.add_argument(
            "argument",
            metavar=order.argument,
            help="its name in `peers`, or a glob such as '10.0.0.7:*'" if is_glob else None,
        )
    add_options(parser, default_url)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    if name == "drain":
        parser.add_argument(
            "--wait",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="wait so long for the calls they have; status 3 if some are left then",
        )
    # Intermixed, or URL could not stand behind an option.
    options = parser.parse_intermixed_args(argv)
    try:
        rows = order.carry_out(client_of(options), options)
    except AdminError as error:
        complain(command, str(error))
        return Exit.MISTAKE
    sys.stdout.write(f"{json.dumps(rows, indent=1)}\n" if options.json else table(rows))
    # A script that restarts the worker next wants to know.
    is_left = name == "drain" and options.wait and any(row["in_flight"] for row in rows)
    return Exit.CUT_OFF if is_left else Exit.OK


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same keys as text in columns."""
    if not rows:
        return "none\n"
    keys = list(rows[0])
    cells = [[key.upper() for key in keys], *([_cell(row[key]) for key in keys] for row in rows)]
    # The answers are bounded by the hub, so that all of them can be measured first.
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        + "\n"
        for line in cells
    )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Names come from callers: what is not printable would move the cursor.
    return "-" if value is None else "".join(c if c.isprintable() else "?" for c in str(value))
