"""Shell completion: what may stand where the cursor is.

The scripts in `shells` hand over the line typed so far and get the candidates back, so that all
the knowledge is here and in the parser, and each shell needs a few lines only.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.machinery import PathFinder
from pkgutil import iter_modules

from .parser import SHELLS, option_names, value_options

# Asks the endpoints for (method, first line of doc) pairs.
AskMethods = Callable[[Sequence[str]], Iterable[tuple[str, str]]]


class Line:
    """A command line up to the cursor, as far as completion must understand it.

    `current` is the word that the cursor is in; `awaiting` the option whose value it is.
    """

    def __init__(self) -> None:
        self.current = ""
        self.awaiting: str | None = None
        self.is_literal = False
        self.is_server = False
        self.is_attached = False
        self.endpoints: list[str] = []
        self.positionals: list[str] = []


def candidates(text: str, ask_methods: AskMethods) -> list[tuple[str, str]]:
    """The words that can complete the line `text`, each with a description or ''.

    None, if they would have to come from a remote that cannot be asked.
    """
    line = read_line(text)
    if line is None:
        return []
    # Shells filter too, each by rules of its own: this makes them agree.
    found = [pair for pair in _known(line, ask_methods) if pair[0].startswith(line.current)]
    return sorted(found) if not line.current.startswith("-") else found


def read_line(text: str) -> Line | None:
    """Take the line `text` apart; None if the cursor is inside quotes."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    line = Line()
    takes_value = value_options()
    # After a blank a new word begins, of which nothing is typed yet.
    if text[-1:].strip() and len(words) > 1:
        line.current = words.pop()
    # The first word is the program.
    for word in words[1:]:
        _read_word(line, word, takes_value)
    return line


def _read_word(line: Line, word: str, takes_value: frozenset[str]) -> None:
    option, has_value, value = word.partition("=")
    # The order is argparse's: a value is a value even where it looks like an option.
    if line.awaiting is not None:
        _read_value(line, line.awaiting, word)
        line.awaiting = None
    elif line.is_literal or not word.startswith("-") or word == "-":
        line.positionals.append(word)
    elif word == "--":
        line.is_literal = True
    elif word == "--server":
        line.is_server = True
    elif option in takes_value:
        if has_value:
            _read_value(line, option, value)
        else:
            line.awaiting = option


def _read_value(line: Line, option: str, value: str) -> None:
    # Either makes the first word the method; only the latter can be asked for methods.
    if option in ("--bind", "--connect"):
        line.is_attached = True
    if option == "--connect":
        line.endpoints.append(value)


def _known(line: Line, ask_methods: AskMethods) -> Iterable[tuple[str, str]]:
    if line.awaiting is not None:
        return [(shell, "") for shell in SHELLS] if line.awaiting == "--completion" else []
    if line.current.startswith("-") and not line.is_literal:
        return [(name, "") for name in option_names()]
    endpoints, rest = line.endpoints, line.positionals
    if not line.is_attached:
        endpoints, rest = rest[:1], rest[1:]
    # Past the method: parameters, of which nothing is known.
    if rest or not (endpoints or line.is_attached):
        return []
    if line.is_server:
        return ((name, "") for name in _modules(line.current))
    # A client that binds would have to listen in order to ask: not for a <TAB>.
    return ask_methods(endpoints) if endpoints else []


def _modules(typed: str) -> Iterator[str]:
    """The modules next to what is typed, found without importing any."""
    *packages, _ = typed.split(".")
    places: Sequence[str] | None = None
    for name in packages:
        # Not `importlib.util.find_spec`: that one imports the packages on the way.
        spec = PathFinder.find_spec(name, places)
        if spec is None or spec.submodule_search_locations is None:
            return
        places = list(spec.submodule_search_locations)
    for module in iter_modules(places):
        if not module.name.startswith("_"):
            yield ".".join([*packages, module.name])
