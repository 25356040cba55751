"""YAML text -> plain values, each of which knows where it stood.

Sans-IO. What could cost more than the text justifies is bounded before it is built: nesting, the
number of values, and what aliases multiply. It must not know the models: whether a key belongs
there is not its question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from zerorpc_daemon.problems import ConfigError, Place, Problem
from zerorpc_daemon.scalars import Unreadable, scalar

Path = tuple[str | int, ...]

# Far beyond any configuration that a person keeps, and a few tens of milliseconds of work.
MOST_VALUES = 20_000
MOST_LEVELS = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a value and its key stand; `text` is a plain scalar as it was written, else None."""

    key: Place
    value: Place
    text: str | None = None


@dataclass(slots=True)
class Document:
    """A file's content: `value` is a dict, `entries` has every path in it.

    `problems` are those that leave the rest readable: repeated keys, unreadable scalars. Whoever
    looks at the values leaves the paths in `refused` alone: what is there is told already.
    """

    file: str
    value: dict[str, Any] = field(default_factory=dict)
    entries: dict[Path, Entry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    refused: set[Path] = field(default_factory=set)


class _Loader(yaml.SafeLoader):
    """Composes nodes, and ends before their number or nesting becomes a burden.

    The C parser would be faster, but recurses on the machine's stack: nesting could crash it.
    """

    values = 0
    levels = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.values += 1
        self.levels += 1
        try:
            if self.values > MOST_VALUES:
                self._refuse(f"the file holds more than {MOST_VALUES} values")
            if self.levels > MOST_LEVELS:
                self._refuse(f"nested more than {MOST_LEVELS} levels deep")
            return super().compose_node(parent, index)
        finally:
            self.levels -= 1

    def _refuse(self, reason: str) -> None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
        raise yaml.MarkedYAMLError(problem=reason, problem_mark=event.start_mark)


def parse(text: str, file: str) -> Document:
    """Return what a file of this text holds; raises `ConfigError` where it is no document."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(file, error) from None
    except yaml.reader.ReaderError as error:
        line, column = position(text, error.position)
        char = chr(error.character) if isinstance(error.character, int) else str(error.character)
        raise ConfigError.of_file(
            file, f"the character {char!r} is not allowed in YAML", line, column
        ) from None
    if root is None:
        raise ConfigError.of_file(file, "is empty")
    document = Document(file)
    if not isinstance(root, yaml.MappingNode):
        place = _place(file, root)
        raise ConfigError(
            [Problem(place, "", "should be a mapping, of lines such as `key: value`")]
        )
    document.value = _Builder(document).mapping(root, ())
    return document


def position(text: str | bytes, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset into a text or its bytes."""
    before = text[:offset]
    newline: Any = "\n" if isinstance(before, str) else b"\n"
    return before.count(newline) + 1, offset - (before.rfind(newline) + 1) + 1


def dotted(path: Path) -> str:
    """Return a path as people write it: `hubs.a.in[0]`."""
    words = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(words).removeprefix(".")


class _Builder:
    """Turns nodes into values; an alias is walked as often as it is used, which is counted."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._walked = 0

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        """Return the dict of a mapping; of repeated keys the first one counts."""
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in values:
                first = self._document.entries[here].key.line
                reason = f"the key is repeated, it stands already in line {first}"
                self._report(key_node, here, reason)
                continue
            values[key] = self._value(value_node, here, key_node)
        return values

    def _key(self, node: yaml.Node, path: Path) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._report(node, path, "a key should be text")
            return None
        if node.tag == "tag:yaml.org,2002:merge":
            self._report(node, (*path, node.value), "keys are not merged here, write them out")
            return None
        # As it was written, whatever YAML makes of it: `on` and `1` are keys, not True and 1.
        key: str = node.value
        return key

    def _value(self, node: yaml.Node, path: Path, key_node: yaml.Node) -> Any:
        place = _place(self._document.file, node)
        self._walked += 1
        if self._walked > MOST_VALUES:
            reason = f"with its aliases the file holds more than {MOST_VALUES} values"
            raise ConfigError([Problem(place, dotted(path), reason)])
        if len(path) > MOST_LEVELS:  # the loader has seen to all but aliases
            reason = f"with its aliases it is nested more than {MOST_LEVELS} levels deep"
            raise ConfigError([Problem(place, dotted(path[:3]), reason)])
        is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
        self._document.entries[path] = Entry(
            _place(self._document.file, key_node), place, node.value if is_plain else None
        )
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(each, (*path, at), each) for at, each in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        try:
            return scalar(node) if isinstance(node, yaml.ScalarNode) else None
        except Unreadable as error:
            self._report(node, path, str(error))
            self._document.refused.add(path)
            return None

    def _report(self, node: yaml.Node, path: Path, reason: str) -> None:
        self._document.problems.append(
            Problem(_place(self._document.file, node), dotted(path), reason)
        )


def _place(file: str, node: yaml.Node) -> Place:
    mark = node.start_mark
    return Place(file, mark.line + 1, mark.column + 1)


def _syntax_error(file: str, error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    reason = error.problem or error.context or "is not YAML"
    if "\\t" in reason:
        reason = "a tab; YAML is indented with spaces"
    elif error.context and error.problem:
        is_sentence = error.problem.startswith("but ")
        reason = f"{error.context} {reason}" if is_sentence else f"{reason} ({error.context})"
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    return ConfigError.of_file(file, " ".join(reason.split()), line, column)
