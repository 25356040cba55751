"""`zerorpc-hub top`: a live table of endpoints, workers and methods, from the admin port alone."""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from zerorpc_daemon.admin_client import (
    REPLACED_S,
    AdminClient,
    AdminError,
    add_options,
    client_of,
)
from zerorpc_daemon.program import Exit, complain
from zerorpc_hub.rows import SORT_KEYS, Report, report
from zerorpc_hub.screen import lines

NAME = "zerorpc-hub top"
_KEYS = {key[0]: key for key in SORT_KEYS} | {"5": "p50", "9": "p99"}
_KEYS_HELP = "sort by: r)ate e)rrors f)light w)ait 5) p50 9) p99 n)ame   q)uit"
# How long between the two looks of `--once`: long enough for a rate, short enough to wait for.
_ONCE_S = 1.0
_INTERVAL_S = 2.0
_FIRST_S = 0.5
_SHORTEST_S = 0.1

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"

Stats = Mapping[str, Any]


def top(argv: Sequence[str], default_url: str) -> int:
    """Show the table until the user leaves; returns the exit status."""
    options = _parse(argv, default_url)
    try:
        watch = Watch(client_of(options), options.sort)
        if options.once or options.json or not _has_terminal():
            _print_frames(watch, options)
        else:
            _show_frames(watch, options.interval)
    except AdminError as error:
        complain(NAME, str(error))
        return Exit.MISTAKE
    except BrokenPipeError:
        # Whoever reads has seen enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return Exit.OK


def _parse(argv: Sequence[str], default_url: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        NAME, description="Shows what running hubs do, endpoint by endpoint.", allow_abbrev=False
    )
    add_options(parser, default_url)
    parser.add_argument("--sort", choices=SORT_KEYS, default="rate", help="(default: rate)")
    parser.add_argument("--once", action="store_true", help="print one table and end")
    parser.add_argument(
        "--json", action="store_true", help="print an object a line instead of tables"
    )
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=None,
        metavar="SECONDS",
        help=f"between two looks (default: {_INTERVAL_S:g}, with --once {_ONCE_S:g})",
    )
    options = parser.parse_intermixed_args(argv)
    if options.interval is None:
        options.interval = _ONCE_S if options.once else _INTERVAL_S
    return options


def _seconds(text: str) -> float:
    value = float(text)
    if not _SHORTEST_S <= value <= 3600:
        raise argparse.ArgumentTypeError(f"should be between {_SHORTEST_S:g} and 3600")
    return value


class Watch:
    """Looks at one admin port again and again, and tells what happened in between."""

    def __init__(self, client: AdminClient, sort: str) -> None:
        self.sort = sort
        self._client = client
        self._latest = self._look()
        self._before = self._latest

    def _look(self, patience: float = 0.0) -> tuple[float, Stats]:
        stats = self._client.get("/stats", patience=patience)
        if not isinstance(stats, dict) or "hubs" not in stats:
            raise AdminError(f"{self._client.name}: this is no hub")
        return time.monotonic(), stats

    def advance(self, patience: float = 0.0) -> None:
        """Look once more, for so many seconds if nobody is there."""
        self._before, self._latest = self._latest, self._look(patience)

    @property
    def daemon(self) -> Stats:
        """What it said of its process."""
        told: Stats = self._latest[1]["daemon"]
        return told

    def reports(self) -> list[Report]:
        """Return what happened between the last two looks."""
        (then, before), (now, stats) = self._before, self._latest
        # Before the second look nothing has happened yet, in no time.
        seconds = max(now - then, 1e-3)
        return [
            report(name, told, before["hubs"].get(name, {}), seconds, self.sort)
            for name, told in stats["hubs"].items()
        ]

    def plain(self) -> dict[str, Any]:
        """Return the same as plain data."""
        return {
            "at": round(time.time(), 3),
            "daemon": self.daemon,
            "hubs": {each.name: each.plain() for each in self.reports()},
        }


# -- without a terminal ------------------------------------------------------------------------


def _print_frames(watch: Watch, options: argparse.Namespace) -> None:
    while True:
        time.sleep(options.interval)
        watch.advance(REPLACED_S)
        # Flushed each time: whoever reads it from a pipe wants it now.
        if options.json:
            print(json.dumps(watch.plain(), ensure_ascii=False), flush=True)
        else:
            width = shutil.get_terminal_size().columns
            print("\n".join(lines(watch.daemon, watch.reports(), width, None)), flush=True)
        if options.once:
            return
        if not options.json:
            print()


# -- on a terminal -----------------------------------------------------------------------------


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _show_frames(watch: Watch, interval: float) -> None:
    with _whole_screen() as key_within:
        # Soon once more: the first picture has no rates yet.
        problem, wait_s = "", min(interval, _FIRST_S)
        while True:
            _draw(watch, problem)
            key = key_within(wait_s)
            if key == "q":
                return
            if key in _KEYS:
                watch.sort = _KEYS[key]
                continue  # at once, of what is known
            wait_s = interval
            try:
                watch.advance()
                problem = ""
            except AdminError as error:
                # It may just be restarted: whoever watches wants to see it come back.
                problem = str(error)


def _draw(watch: Watch, problem: str) -> None:
    size = shutil.get_terminal_size()
    picture = lines(watch.daemon, watch.reports(), size.columns, size.lines - 1)
    picture += [""] * (size.lines - 1 - len(picture))
    picture.append((problem or f"{_KEYS_HELP}   ({watch.sort})")[: size.columns])
    # Over the old picture, and not after clearing: that would flicker.
    text = "\r\n".join(f"{line[: size.columns]}{_END_OF_LINE}" for line in picture)
    sys.stdout.write(f"{_HOME}{text}{_REST}")
    sys.stdout.flush()


@contextmanager
def _whole_screen() -> Iterator[Callable[[float], str]]:
    """Take the screen and single keys; gives a function that waits for one for some seconds."""
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    # So that the terminal is given back also when a signal ends us.
    old = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.stdout.write(_ENTER)
    try:
        tty.setcbreak(descriptor)
        yield lambda seconds: _key(descriptor, seconds)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()
        signal.signal(signal.SIGTERM, old)


def _key(descriptor: int, seconds: float) -> str:
    ready, _, _ = select.select([descriptor], [], [], seconds)
    if not ready:
        return ""
    data = os.read(descriptor, 64)
    # Nothing: the terminal is gone.
    return data[:1].decode("ascii", "replace") if data else "q"
