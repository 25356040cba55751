"""The effective values of a configuration as YAML that reads back as the same configuration.

Sans-IO. Secrets are not told.
"""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import BaseModel, SecretStr

from zerorpc_daemon.fields import named_fields


def dump(config: BaseModel) -> str:
    """Return all values, those that were left to their defaults too.

    A secret is left out, with a comment in its place: stars would read back as a secret.
    """
    dumped = config.model_dump(mode="json", by_alias=True)
    values = {key: dumped[key] for key in named_fields(type(config))}
    hidden = _take_out_secrets(config, values)
    notes = "".join(f"# {name}: set, and not shown\n" for name in hidden)
    return notes + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _take_out_secrets(config: BaseModel, values: dict[str, Any], path: str = "") -> list[str]:
    hidden = []
    for name, info in type(config).model_fields.items():
        value, key = getattr(config, name), info.alias or name
        if isinstance(value, SecretStr):
            del values[key]
            hidden.append(path + key)
        elif isinstance(value, BaseModel):
            hidden += _take_out_secrets(value, values[key], f"{path}{key}.")
        elif isinstance(value, dict):
            for each, section in value.items():
                if isinstance(section, BaseModel):
                    inner = f"{path}{key}.{each}."
                    hidden += _take_out_secrets(section, values[key][each], inner)
    return hidden
