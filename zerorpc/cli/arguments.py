"""The command line as data: `parse` turns the words of `argv` into `Options`.

Pure: opens nothing, imports no network code; whatever is wrong with the words is a `Mistake`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .outcome import Mistake, quoted
from .parser import GRACE, HEARTBEAT, TIMEOUT, make_parser


class Options(NamedTuple):
    """What was asked for. `timeout` and `heartbeat` are seconds, None means off.

    `target` is the method to call, or with `is_server` the module or object to expose.
    """

    # A tuple and no dataclass: made at every start, it costs a fifth of the time.
    is_server: bool = False
    bind: tuple[str, ...] = ()
    connect: tuple[str, ...] = ()
    target: str | None = None
    parameters: tuple[str, ...] = ()
    timeout: float | None = TIMEOUT
    heartbeat: float | None = HEARTBEAT
    pool_size: int | None = None
    grace: float = GRACE
    is_inspect: bool = False
    is_json_in: bool = False
    is_json_out: bool = False
    is_active_heartbeat: bool = False
    is_debug: bool = False
    repeat: int | None = None
    bench: float | None = None
    concurrency: int | None = None
    completion: str | None = None
    complete: str | None = None

    @property
    def ignored(self) -> list[str]:
        """The options that were given and mean nothing here; stock takes them, so they are told.

        Those that stock does not have are a Mistake instead.
        """
        for_calls = {
            "--timeout": self.timeout != TIMEOUT,
            "--inspect": self.is_inspect,
            "--json": self.is_json_in,
            "--print-json": self.is_json_out,
            "--active-hb": self.is_active_heartbeat,
        }
        given = for_calls if self.is_server else {"--pool-size": self.pool_size is not None}
        return [name for name, is_given in given.items() if is_given]

    @property
    def given_to_make_a_server(self) -> list[str]:
        """The options that were given of those that a target which is a Server has settled."""
        given = {
            "--pool-size": self.pool_size is not None,
            "--heartbeat": self.heartbeat != HEARTBEAT,
        }
        return [name for name, is_given in given.items() if is_given]

    @property
    def is_measurement(self) -> bool:
        """Whether the call is to be repeated and timed."""
        return self.repeat is not None or self.bench is not None


def parse(argv: Sequence[str], program: str, version: str) -> Options:
    """Read the words after the program's name; Mistake if they do not fit together.

    `--help` and `--version` print and raise SystemExit, as argparse has it.
    """
    words, literal = _split_literal(argv)
    # Intermixed: options may stand between the address, the method and its parameters.
    found = make_parser(program, version).parse_intermixed_args(words)
    positionals: list[str] = found.words
    is_inspect = found.inspect
    # The talk's slides print `quote_plus - ?`; after `--` these two are parameters all the same.
    if positionals[-2:] == ["-", "?"] and not literal:
        is_inspect, positionals = True, positionals[:-2]
    positionals = positionals + literal
    bind, connect = tuple(found.bind), tuple(found.connect)
    # Stock's rule: with an endpoint given by option, the first word is the method.
    if positionals and not bind and not connect:
        bind, connect = _role_of_address(positionals.pop(0), is_server=found.server)
    options = Options(
        is_server=found.server,
        bind=bind,
        connect=connect,
        target=positionals[0] if positionals else None,
        parameters=tuple(positionals[1:]),
        timeout=found.timeout,
        heartbeat=found.heartbeat,
        pool_size=found.pool_size,
        grace=found.grace or 0.0,
        is_inspect=is_inspect,
        is_json_in=found.json,
        is_json_out=found.print_json,
        is_active_heartbeat=found.active_hb,
        is_debug=found.debug,
        repeat=found.repeat,
        bench=found.bench,
        concurrency=found.concurrency,
        completion=found.completion,
        complete=found.complete,
    )
    # Neither needs an address.
    if options.completion is None and options.complete is None:
        _check(options)
    return options


def _split_literal(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut at the first `--`; argparse's own treatment of it differs from release to release."""
    words = list(argv)
    if "--" not in words:
        return words, []
    cut = words.index("--")
    return words[:cut], words[cut + 1 :]


def _role_of_address(address: str, *, is_server: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return (bind, connect) for an address given without either option.

    It is connected to, by servers too: a worker joins the hub that listens there. Only where
    connecting cannot be meant - the host or port is `*` - a server listens.
    """
    transport, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    # `0` and `0.0.0.0` can be connected to, and the talk does: they are no wildcard here.
    if is_server and transport == "tcp" and "*" in (host, port):
        return (address,), ()
    return (), (address,)


def _check(options: Options) -> None:
    # Each message names what is missing, in the words of `--help`.
    if not options.bind and not options.connect:
        raise Mistake("no address given, such as tcp://localhost:1234; see --help")
    if options.is_server:
        _check_server(options)
    elif options.grace != GRACE:
        raise Mistake("--grace is for --server: how long its running calls may take to end")
    elif options.is_measurement and options.is_inspect:
        raise Mistake("--inspect shows a method, --bench and --async call it: one of them, please")
    elif options.is_measurement and options.target is None:
        raise Mistake("measuring needs a METHOD to call")
    elif options.concurrency is not None and not options.is_measurement:
        raise Mistake("--concurrency goes with --bench or --async")


def _check_server(options: Options) -> None:
    if options.target is None:
        given = (*options.bind, *options.connect)
        if len(given) == 1 and ":" not in given[0]:
            raise Mistake(
                f"no address given beside {quoted(given[0])}: --bind ADDRESS to listen there, "
                "or ADDRESS alone to connect to it"
            )
        raise Mistake("--server needs the MODULE or OBJECT to expose, such as urllib.parse")
    # Ignored, a mistyped option would go unnoticed.
    if options.parameters:
        raise Mistake(
            f"--server exposes one MODULE or OBJECT; {quoted(options.parameters[0])} is too much"
        )
    if options.is_measurement or options.concurrency is not None:
        raise Mistake("--bench, --async and --concurrency are for calls, not for --server")
