"""A client opened as the options say, and the one thing that it is opened for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from zerorpc.client import Client
from zerorpc.errors import TimeoutExpired

from . import bench, calling, inspection, listing, parameters
from .arguments import Options
from .connection import attach
from .outcome import Exit, Unreachable, quoted
from .output import Paper


def run(options: Options, out: Paper, errors: Paper) -> int:
    """List, inspect, call or measure; the result goes to `out`, the exit status is returned."""
    # First, so that a mistake in them shows before anything is connected.
    values = parameters.values(options.parameters, sys.stdin, is_json=options.is_json_in)
    with Client(
        timeout=options.timeout,
        heartbeat=options.heartbeat,
        # As stock does: a server that never beats is not taken for dead.
        passive_heartbeat=not options.is_active_heartbeat,
    ) as client:
        attach(client, options, errors if options.is_debug else None)
        try:
            return _converse(client, options, values, out, errors)
        except TimeoutExpired as error:
            # The reader wants to know whether nobody is there or somebody is slow.
            if client.is_connected:
                raise
            places = " or ".join(quoted(place) for place in (*options.connect, *options.bind))
            raise Unreachable(f"{error}: no connection at {places}") from error


def _converse(
    client: Client, options: Options, values: list[Any], out: Paper, errors: Paper
) -> int:
    method, is_json = options.target, options.is_json_out
    if method is None:
        service = inspection.ask_service(client)
        listing.write_service(service, out, is_detailed=options.is_inspect, is_json=is_json)
    elif options.is_inspect:
        listing.write_method(inspection.ask_method(client, method), out, is_json=is_json)
    elif options.is_measurement:
        with calling.explained(client, method):
            # Unmeasured: it connects, and shows what is wrong with the call if anything is.
            bench.consume(client(method, *values))
        return _measure(lambda: client(method, *values), options, out, errors)
    else:
        calling.call_and_print(client, method, values, out, is_json=is_json)
    return Exit.OK


def _measure(call: Callable[[], Any], options: Options, out: Paper, errors: Paper) -> int:
    measurement = bench.measure(
        call, repeat=options.repeat, seconds=options.bench, concurrency=options.concurrency
    )
    bench.report(measurement, out, is_json=options.is_json_out)
    # After the figures, and on stderr: they are no result.
    for name, number in measurement.failures.most_common():
        errors.line(f"failed with {name}: {number}")
    return measurement.status
