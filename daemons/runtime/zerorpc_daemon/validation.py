"""A document held against a model: an instance, or every problem at its place.

Sans-IO. pydantic and the rules of sections find what is wrong; this module finds out where, and
says it in the words of someone who reads a file, not a stack of types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic import BaseModel, SecretStr, ValidationError

from zerorpc_daemon.document import Document, Path, dotted
from zerorpc_daemon.fields import keys_at, types_at
from zerorpc_daemon.lenient import models_of, part_of
from zerorpc_daemon.problems import ConfigError, Place, Problem, closest, did_you_mean
from zerorpc_daemon.rules import ASKED_LATER, UNKNOWN, broken, surely_broken
from zerorpc_daemon.scalars import surprise

Model = TypeVar("Model", bound=BaseModel)

# The names of what YAML has, for pydantic's error types.
_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "path_type": "a path",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "none_required": "null",
}
# Problems of a key, whatever its value.
_OF_THE_KEY = {"extra_forbidden"}
# What pydantic's sentences begin with, and what it adds where a type has several steps.
_SUBJECT = re.compile(r"^(Input|Value|String|Path) | after validation, not \d+$")
# More of a value does not help to find it.
_SHOWN_LENGTH = 40


@dataclass(frozen=True, slots=True)
class _Finding:
    """One error of pydantic, its place in the document found."""

    path: Path
    kind: str
    error: Mapping[str, Any]


def validate(document: Document, model: type[Model]) -> Model:
    """Return the model's instance of a document; raises `ConfigError` with all problems."""
    findings: list[_Finding] = []
    instance: Any = None
    try:
        # Without rules, which need not have everything right to find what is wrong.
        instance = model.model_validate(document.value, context=ASKED_LATER)
    except ValidationError as error:
        findings = [_finding(document, each) for each in error.errors(include_url=False)]
    guesses = _guesses(document, model, findings)
    told = [*document.problems, *_problems(document, model, findings, guesses)]
    if told:
        instance = part_of(model, _with_unknown(document, guesses))
    problems = told + _broken_rules(document, instance, guesses, is_whole=not told)
    if problems:
        raise ConfigError(problems)
    return cast("Model", instance)


def _finding(document: Document, error: Mapping[str, Any]) -> _Finding:
    path = _path_in(document, error["loc"], is_absent=error["type"] == "missing")
    return _Finding(path, error["type"], error)


def _guesses(
    document: Document, model: type[BaseModel], findings: list[_Finding]
) -> frozenset[Path]:
    """Return the paths that misspelt keys are probably meant to be: nobody should miss them."""
    close = (
        (each.path[:-1], closest(str(each.path[-1]), keys_at(model, each.path[:-1])))
        for each in findings
        if each.kind == "extra_forbidden"
    )
    paths = {(*above, key) for above, key in close if key is not None}
    return frozenset(paths.difference(document.entries))


def _with_unknown(document: Document, guesses: frozenset[Path]) -> Any:
    """Return the document's value with what it has at places of which nothing can be said."""
    unknown = document.refused
    guessed: dict[Path, dict[Any, Any]] = {}
    for each in guesses:
        guessed.setdefault(each[:-1], {})[each[-1]] = UNKNOWN

    def copied(value: Any, path: Path) -> Any:
        if path in unknown:
            return UNKNOWN
        if isinstance(value, list):
            return [copied(each, (*path, at)) for at, each in enumerate(value)]
        if not isinstance(value, dict):
            return value
        known = {key: copied(each, (*path, key)) for key, each in value.items()}
        return known | guessed.get(path, {})

    return copied(document.value, ())


def _broken_rules(
    document: Document, instance: Any, guesses: frozenset[Path], *, is_whole: bool
) -> list[Problem]:
    find = broken if is_whole else surely_broken
    problems: dict[tuple[Path, str], Problem] = {}
    for loc, section in models_of(instance):
        above = _path_in(document, loc, is_absent=False)
        for key, reason in find(section):
            path = (*above, *key.split(".")) if key else above
            place = _place(document, path, is_of_key=bool(key))
            if path not in guesses:
                problems[path, reason] = Problem(place, dotted(path), reason)
    return list(problems.values())


def _path_in(document: Document, loc: Path, *, is_absent: bool) -> Path:
    """Return the path that pydantic's location means, less the types of unions that are in it."""
    path: Path = ()
    for at, step in enumerate(loc):
        is_last = at == len(loc) - 1
        if (*path, step) in document.entries or (is_last and is_absent):
            path = (*path, step)
    return path


def _problems(
    document: Document,
    model: type[BaseModel],
    findings: list[_Finding],
    guesses: frozenset[Path],
) -> list[Problem]:
    by_path: dict[Path, list[_Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    teller = _Teller(document, model)
    return [
        Problem(
            _place(document, path, is_of_key=found[0].kind in _OF_THE_KEY),
            dotted(path),
            teller.reason(found),
        )
        for path, found in by_path.items()
        if path not in document.refused | guesses and not _is_explained(path, found, by_path)
    ]


def _is_explained(path: Path, found: list[_Finding], by_path: Mapping[Path, Any]) -> bool:
    """Tell whether a value of the wrong type is so for one type of a union only.

    Where another type got further and found something inside, that is what should be corrected.
    """
    return all(each.kind in _KINDS for each in found) and any(
        len(other) > len(path) and other[: len(path)] == path for other in by_path
    )


def _place(document: Document, path: Path, *, is_of_key: bool) -> Place:
    entry = document.entries.get(path)
    if entry is not None:
        return entry.key if is_of_key else entry.value
    # What is missing is missed where its section begins.
    parent = document.entries.get(path[:-1])
    if parent is not None:
        return parent.key
    # The whole file's, if there is one.
    return Place(document.file, 1, 1) if document.entries else Place(document.file)


def _listed(choices: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


class _Teller:
    """Puts findings into words."""

    def __init__(self, document: Document, model: type[BaseModel]) -> None:
        self._document = document
        self._model = model

    def reason(self, found: list[_Finding]) -> str:
        """Return what is wrong at one path; the types of a union are told as one."""
        kinds = list(dict.fromkeys(_KINDS[each.kind] for each in found if each.kind in _KINDS))
        reasons = [self._other_reason(each) for each in found if each.kind not in _KINDS]
        if kinds and not reasons:
            reasons = [f"should be {' or '.join(kinds)}, not {self._shown(found[0])}"]
        return ", or ".join(dict.fromkeys(reasons))

    def _other_reason(self, found: _Finding) -> str:
        error = found.error
        if found.kind == "missing":
            return "is required"
        if found.kind == "extra_forbidden":
            known = keys_at(self._model, found.path[:-1])
            return "unknown key" + did_you_mean(str(found.path[-1]), known)
        if found.kind in ("literal_error", "enum"):
            choices = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
            hint = did_you_mean(str(error["input"]), choices)
            return f"should be {_listed(choices)}, not {self._shown(found)}{hint}"
        if found.kind == "value_error":
            # Written by whoever wrote the validator, who knows what may be shown.
            return str(error["msg"]).removeprefix("Value error, ")
        message = _SUBJECT.sub("", str(error["msg"]))
        # A bound is told with what exceeds it; a length shows nothing, and may be a secret's.
        has_length = "short" in found.kind or "long" in found.kind
        if has_length and SecretStr in types_at(self._model, found.path):
            message = message.replace("items after validation", "characters")
        return message if has_length else f"{message}, not {self._shown(found)}"

    def _shown(self, found: _Finding) -> str:
        value = found.error["input"]
        if SecretStr in types_at(self._model, found.path):
            return "what is there"  # a log may be read by more people than the file
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list | tuple):
            return "a list"
        entry = self._document.entries.get(found.path)
        # Of a number that exceeds a bound nobody thinks that it might be text.
        is_bound = found.kind.startswith(("greater_than", "less_than"))
        text = None if entry is None or is_bound else entry.text
        hint = surprise(text, value) if text is not None else ""
        if value is None:
            return f"nothing{hint}"
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        if len(shown) > _SHOWN_LENGTH:
            shown = f"{shown[: _SHOWN_LENGTH - 3]}..."
        return f"{shown}{hint}"
