"""The reference of every configuration as a Markdown page, made from the models.

Pure but for `main`, which finds the models by importing every package that is called `zerorpc_*`
and has a module `config`: so it knows no daemon.

    python -m zerorpc_daemon.reference > docs/configuration.md
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from zerorpc_daemon.fields import is_model, models_in, named_fields
from zerorpc_daemon.quantities import Unit
from zerorpc_daemon.settings import Settings

_HEAD = """# Configuration

Made from the models of the daemons by `python -m zerorpc_daemon.reference`; a test sees that it is
current. A file is YAML in UTF-8. Numbers have the unit that their row names, or a text with its own
unit: `500ms`, `1.5s`, `2m`, `1h`; `64KiB`, `1MB`. Unknown and repeated keys are errors; `--check`
tells all problems of a file at once, `--dump-config` all values that are in effect.
"""

_BOUNDS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_YAML_TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def page(programs: Mapping[str, Iterable[type[Settings]]]) -> str:
    """Return the page of these models, by the name of the program that reads them."""
    parts = [_HEAD]
    for program, models in programs.items():
        parts.append(f"\n## {program}\n")
        parts += [f"\n{inspect.cleandoc(each.__doc__ or '')}\n\n{_table(each)}" for each in models]
    return "".join(parts)


def installed() -> dict[str, list[type[Settings]]]:
    """Return the models of every daemon that can be imported, those of one daemon in its order."""
    found: dict[str, list[type[Settings]]] = {}
    for each in sorted(pkgutil.iter_modules(), key=lambda module: module.name):
        if each.ispkg and each.name.startswith("zerorpc_") and each.name != __package__:
            models = list(_models_of(each.name))
            if models:
                found[each.name.replace("_", "-")] = models
    return found


def _models_of(package: str) -> Iterator[type[Settings]]:
    name = f"{package}.config"
    if importlib.util.find_spec(name) is None:
        return
    module = importlib.import_module(name)
    for value in list(vars(module).values()):
        is_own = inspect.isclass(value) and value.__module__ == name
        if is_own and issubclass(value, Settings):
            yield value


def main() -> int:
    """Print the page."""
    sys.stdout.write(page(installed()))
    return 0


def _table(model: type[BaseModel]) -> str:
    rows = "".join(_rows(model, "", ()))
    return f"| key | type | default | meaning |\n|---|---|---|---|\n{rows}"


def _rows(model: type[BaseModel], prefix: str, above: tuple[type, ...]) -> Iterator[str]:
    for key, info in named_fields(model).items():
        path, inner = prefix + key, list(models_in(info.annotation))
        about = info.description or (inspect.cleandoc(inner[0].__doc__ or "") if inner else "")
        words = (f"`{path}`", _type(info), _default(info), about)
        yield "| " + " | ".join(_cell(word) for word in words) + " |\n"
        below = f"{path}.NAME." if get_origin(info.annotation) is dict else f"{path}."
        for each in inner:
            if each not in above:  # a model may hold itself
                yield from _rows(each, below, (*above, each))


def _type(info: FieldInfo) -> str:
    unit = next((each.name for each in info.metadata if isinstance(each, Unit)), "")
    bounds = [f"{sign} {value:g}" for sign, value in _bounds(info)]
    return " ".join(filter(None, [unit or _words(info.annotation), ", ".join(bounds)]))


def _bounds(info: FieldInfo) -> list[tuple[str, float]]:
    """Return the narrowest bound on each side: a type may have one, and its field another."""
    found = [
        (sign, getattr(each, name))
        for each in info.metadata
        for name, sign in _BOUNDS.items()
        if hasattr(each, name)
    ]
    # Of equal ones the strict one is the narrower.
    lower = [bound for bound in found if bound[0] in "≥>"]
    upper = [bound for bound in found if bound[0] in "≤<"]
    return [
        *sorted(lower, key=lambda bound: (bound[1], bound[0] == ">"))[-1:],
        *sorted(upper, key=lambda bound: (bound[1], bound[0] != "<"))[:1],
    ]


def _words(annotation: Any) -> str:
    arguments, origin = get_args(annotation), get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{each}`" for each in arguments)
    unit = next((each.name for each in arguments if isinstance(each, Unit)), None)
    if unit is not None:
        return unit
    if origin in (list, tuple, set, frozenset):
        return f"list of {_words(arguments[0])}"
    if origin is dict:
        return f"mapping of names to {_words(arguments[1])}"
    if arguments:
        rest = [each for each in arguments if each is not type(None)]
        return " or ".join(dict.fromkeys(map(_words, rest)))
    if is_model(annotation):
        return "section"
    return _YAML_TYPES.get(annotation, "text")  # paths and secrets are text in a file


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):  # its fields tell theirs
        return ""
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"`{value:g}`"
    is_word = isinstance(value, str) and value
    return f"`{value if is_word else json.dumps(value, default=str)}`"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    sys.exit(main())
