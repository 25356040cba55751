"""A model's instance of a document that has mistakes: `UNKNOWN` stands where they are.

Sans-IO. For rules, which have something to say about the rest. The one place that takes pydantic's
core schemas apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator, core_schema

from zerorpc_daemon.document import Path
from zerorpc_daemon.rules import ASKED_LATER, UNKNOWN

# What of a schema is no schema, whatever it looks like.
_OPAQUE = {"default", "metadata", "serialization", "config"}
# Where types of containers have those of what is in them.
_ITEMS = ("items_schema", "values_schema")


def part_of(model: type[BaseModel], value: Mapping[str, Any]) -> Any:
    """Return an instance as far as the value is right, `UNKNOWN` where nothing of it is."""
    validator = SchemaValidator(_lenient(model.__pydantic_core_schema__))
    return _known_or_not(value, lambda each: validator.validate_python(each, context=ASKED_LATER))


def models_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, BaseModel]]:
    """Yield the models in an instance, each with its path, the outer ones first."""
    parts: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, BaseModel):
        yield path, value
        fields = type(value).model_fields.items()
        parts = ((info.alias or name, getattr(value, name)) for name, info in fields)
    elif isinstance(value, Mapping):
        parts = iter(value.items())
    elif isinstance(value, list | tuple):
        parts = iter(enumerate(value))
    for step, part in parts:
        yield from models_of(part, (*path, step))


def _known_or_not(value: Any, handler: Any) -> Any:
    if value is UNKNOWN:
        return value
    try:
        return handler(value)
    except (ValidationError, TypeError, AttributeError):
        # The latter by a validator that has found something unknown further in.
        return UNKNOWN


def _lenient(schema: Any) -> Any:
    """Return a schema that knows no errors below it."""
    if isinstance(schema, list | tuple):
        return [_lenient(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: part if key in _OPAQUE else _lenient(part) for key, part in schema.items()}
    if made.get("type") == "model-fields":
        made["extra_behavior"] = "ignore"
        made["fields"] = {name: _field(each) for name, each in made["fields"].items()}
    for key in _ITEMS:
        if key in made:
            items = made[key]
            made[key] = list(map(_caught, items)) if isinstance(items, list) else _caught(items)
    return made


def _field(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field of a model for which everything will do, nothing too."""
    schema = field["schema"]
    if schema["type"] == "default":
        return {**field, "schema": {**schema, "schema": _caught(schema["schema"])}}
    return {**field, "schema": core_schema.with_default_schema(_caught(schema), default=UNKNOWN)}


def _caught(schema: Any) -> Any:
    return core_schema.no_info_wrap_validator_function(_known_or_not, schema)
