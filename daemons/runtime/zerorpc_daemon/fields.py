"""What a model's fields are called in a file, and what lies below them.

Sans-IO. The one place that takes pydantic's annotations apart: for the suggestion of a key, and for
the documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from zerorpc_daemon.document import Path

# What a model calls its fields with that all daemons have; those of its subclasses are their own.
SHARED = "is_shared"


def named_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the key under which a file has them.

    Those that all daemons have come last: a reader looks for this one's.
    """
    above = [each for each in model.__mro__ if issubclass(each, BaseModel)]
    shared = {name for each in above if SHARED in vars(each) for name in each.model_fields}
    names = sorted(model.model_fields, key=shared.__contains__)
    fields = {name: model.model_fields[name] for name in names}
    return {info.alias or name: info for name, info in fields.items()}


def keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Return the keys that a model allows at a path."""
    types = [one for each in types_at(model, path) for one in (each, *_items(each))]
    return [key for each in types if is_model(each) for key in named_fields(each)]


def types_at(model: type[BaseModel], path: Path) -> list[Any]:
    """Return the types that a value may have at a path, none where a model knows no such path."""
    types: list[Any] = [model]
    for step in path:
        types = [below for each in types for below in _below(each, step)]
    return types


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation holds at any depth."""
    if is_model(annotation):
        yield annotation
    else:
        for argument in get_args(annotation):
            yield from models_in(argument)


def is_model(annotation: Any) -> bool:
    """Tell whether an annotation is a model itself."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _below(annotation: Any, step: str | int) -> list[Any]:
    """Return the types that a value may have at a key or index of one annotated so."""
    if is_model(annotation):
        info = named_fields(annotation).get(str(step))
        return [] if info is None else _alternatives(info.annotation)
    arguments = get_args(annotation)
    if get_origin(annotation) is dict and len(arguments) == 2:
        return _alternatives(arguments[1])
    items = _items(annotation)
    # A list may have one item that stands there alone, whose keys are those of the list then.
    return items if isinstance(step, int) else [at for each in items for at in _below(each, step)]


def _items(annotation: Any) -> list[Any]:
    """Return the types that a value may have in a list of one annotated so."""
    arguments = () if get_origin(annotation) is dict else get_args(annotation)
    return [each for argument in arguments for each in _alternatives(argument)]


def _alternatives(annotation: Any) -> list[Any]:
    """Return the members of a union, through `Annotated` and what is nested; others alone."""
    arguments = get_args(annotation)
    if not arguments or get_origin(annotation) in (dict, list, tuple, set, frozenset):
        return [annotation]
    return [each for argument in arguments for each in _alternatives(argument)]
