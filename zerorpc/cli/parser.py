"""The options themselves: how `--help` reads and what each word is converted to.

Pure. What the words mean together is `arguments`' business.
"""

from __future__ import annotations

import argparse
import math
from typing import Any, NoReturn

from .outcome import Mistake, quoted

# Seconds; stock's defaults, so that its users find what they know.
TIMEOUT = 30.0
HEARTBEAT = 5.0
# Within the time that systemd and Kubernetes wait before they kill.
GRACE = 10.0
SHELLS = ("bash", "zsh", "fish")

# Eighty columns fit everywhere; the examples below are made for them.
_HELP_WIDTH = 80
# A limit of 0 seconds is of no use to anybody, but people write it for "no limit".
_OFF = ("0", "none", "off")
_EXAMPLES = """\
examples:
  Expose a module, an object or a class, unmodified:
    %(prog)s --server --bind tcp://0:1234 urllib.parse
    %(prog)s --server --bind 'tcp://127.0.0.1:*' package.module.Class
  Call it, list what it offers, read about one method:
    %(prog)s tcp://0:1234 quote "hello pycon"
    %(prog)s tcp://0:1234
    %(prog)s tcp://0:1234 quote '-?'
  Values other than text, JSON out for another program, one argument from stdin:
    %(prog)s -j tcp://0:1234 urlencode '{"a": [1, 2]}' true
    %(prog)s -j -pj tcp://0:1234 urlsplit - < url.json
  Join a hub as one of its workers (an address without --bind is connected to):
    %(prog)s --server tcp://localhost:2222 urllib.parse
  Measure a service:
    %(prog)s --bench 5 --concurrency 50 tcp://0:1234 quote "hello pycon"
  Complete options and remote method names with <TAB>:
    eval "$(%(prog)s --completion bash)"

Words after `--` are parameters, whatever they look like.

exit status:
  0 done
  1 the remote method raised: its traceback is on stderr
  2 a mistake in what was asked for
  3 no answer in time, or the remote is lost, stopping or overloaded
  4 the result could not be written
  130 ended by Ctrl-C
"""


def make_parser(program: str, version: str) -> argparse.ArgumentParser:
    """The parser of the command line; all that is no option ends up in `words`."""
    parser = _Parser(
        prog=program,
        usage="%(prog)s [options] ADDRESS [METHOD [PARAMETER ...]]\n"
        "       %(prog)s --server [options] {--bind ADDRESS | ADDRESS} MODULE[.OBJECT]",
        description="Call the methods of a remote service, or turn a Python module into one.",
        epilog=_EXAMPLES,
        formatter_class=_Formatter,
    )
    # One list: with stock's three positionals argparse takes what stands before the first option
    # and refuses the rest, as in `ADDRESS --timeout 3 METHOD`.
    parser.add_argument("words", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=version)
    _add_connection_options(parser)
    _add_server_options(parser)
    _add_call_options(parser)
    _add_measuring_options(parser)
    parser.add_argument(
        "--completion", choices=SHELLS, help="print the completion script of that shell"
    )
    # What those scripts call at each <TAB>: the words typed so far, as one line.
    parser.add_argument("--complete", metavar="LINE", help=argparse.SUPPRESS)
    return parser


def _add_connection_options(parser: argparse.ArgumentParser) -> None:
    # Stock's names for stock's options, here and below; its whole seconds may be fractions.
    group = parser.add_argument_group("connection (either side may listen, or connect, or both)")
    group.add_argument(
        "--bind",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="listen, e.g. on tcp://0:1234, ipc:///run/foo, or 'tcp://*:*' (a free port); "
        "repeatable",
    )
    group.add_argument(
        "--connect", metavar="ADDRESS", action="append", default=[], help="connect; repeatable"
    )
    group.add_argument(
        "--heartbeat",
        metavar="SECONDS",
        type=_seconds_or_off,
        default=HEARTBEAT,
        help="interval, the same at both ends; 0 or none: no heartbeat (default: 5)",
    )
    group.add_argument(
        "-d",
        "--debug",
        action="store_true",
        help="log what the library does, show tracebacks of mistakes",
    )


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("server")
    role = group.add_mutually_exclusive_group()
    role.add_argument(
        "--server",
        action="store_true",
        help="expose MODULE[.OBJECT]; a class or function is called first, without arguments",
    )
    # Says nothing that its absence would not; scripts for stock spell it out.
    role.add_argument("--client", action="store_true", help="call a remote service (the default)")
    group.add_argument(
        "--pool-size",
        metavar="N",
        type=_count,
        help="calls that may run at once (default: no limit)",
    )
    group.add_argument(
        "--grace",
        metavar="SECONDS",
        type=_seconds_or_off,
        default=GRACE,
        help="time that running calls get to finish after SIGTERM or Ctrl-C; 0 or none: none "
        "(default: 10)",
    )


def _add_call_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("call")
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds_or_off,
        default=TIMEOUT,
        help="wait for the answer; 0 or none: for ever (default: 30)",
    )
    group.add_argument(
        "-?",
        "--inspect",
        action="store_true",
        help="show signature and documentation of METHOD; without one, all signatures",
    )
    group.add_argument(
        "-j",
        "--json",
        action="store_true",
        help="each PARAMETER is JSON; @FILE reads it from a file, - from stdin",
    )
    group.add_argument(
        # One dash and two letters: stock's spelling, which argparse takes for a word of its own.
        "-pj",
        "--print-json",
        action="store_true",
        help="print JSON; a stream becomes one array, written item by item, bytes base64, "
        "NaN and infinities text",
    )
    group.add_argument(
        # Waiting for the first beat suits servers without heartbeats, of which stock had some.
        "--active-hb",
        action="store_true",
        help="send heartbeats from the start instead of from the first one that arrives",
    )


def _add_measuring_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("measuring (prints rate and latencies instead of results)")
    amount = group.add_mutually_exclusive_group()
    amount.add_argument(
        # `async` is a keyword, so the value needs another name.
        "--async",
        dest="repeat",
        metavar="N",
        type=_count,
        help="call N times, all at once",
    )
    amount.add_argument(
        "--bench", metavar="SECONDS", type=_seconds, help="call again and again for that long"
    )
    group.add_argument(
        "--concurrency",
        metavar="N",
        type=_count,
        help="calls in flight at a time (default: 1 for --bench, all for --async)",
    )


def option_names() -> list[str]:
    """Every option that `--help` shows, long forms first: what completion offers."""
    # argparse has no public list of its options.
    actions = make_parser("", "")._actions
    shown = [action for action in actions if action.help != argparse.SUPPRESS]
    names = [name for action in shown for name in action.option_strings]
    return sorted(names, key=lambda name: (not name.startswith("--"), name))


def value_options() -> frozenset[str]:
    """The options that take the following word as their value."""
    return frozenset(
        name
        for action in make_parser("", "")._actions
        # No count given means one value; flags have 0, and `words` takes any number.
        if action.nargs is None
        for name in action.option_strings
    )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Has a width of its own: asking for the terminal's costs the import of five modules."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_HELP_WIDTH)


class _Parser(argparse.ArgumentParser):
    """Reports through `Mistake` instead of printing usage and leaving the process."""

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own says nothing of a full disk.
        if file is not None:
            file.write(message)

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized"):
            # The commonest cause: a parameter of the method, such as `--verbose`.
            message += " (parameters that look like options go after --)"
        raise Mistake(f"{message}; see --help")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no number of seconds") from None
    if not math.isfinite(seconds) or seconds <= 0:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no positive number of seconds")
    return seconds


def _seconds_or_off(text: str) -> float | None:
    if text.lower() in _OFF:
        return None
    try:
        return _seconds(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, nor 0 or none to switch it off") from None


def _count(text: str) -> int:
    # `int` would take " 1_0 " and digits of other scripts, too.
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not a whole number above 0")
    return int(text)
