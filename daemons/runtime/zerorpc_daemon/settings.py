"""What a daemon's configuration is made of: frozen models, and the settings that all daemons have.

Sans-IO. A daemon's model derives from `Settings`, the parts of it from `Section`. Each field's
description, default and unit end up in docs/configuration.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, SecretStr, model_validator
from pydantic_core import CoreSchema, PydanticCustomError

from zerorpc_daemon.quantities import Address, HostPort, Seconds

Level = Literal["debug", "info", "warning", "error"]
LEVELS = get_args(Level)

# Too long to be guessed over a network, short enough for everyone's generator.
TOKEN_LENGTH = 16


def _make_scalars_strict(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") in ("int", "float", "bool", "str"):
            schema["strict"] = True
        for part in schema.values():
            _make_scalars_strict(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            _make_scalars_strict(part)


class Section(BaseModel):
    """A group of settings: frozen, and with no key but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return pydantic's own schema, with numbers, texts and booleans never taken for another.

        Its strict mode would refuse a list for a tuple as well, and YAML has no tuples.
        """
        schema = handler(source)
        _make_scalars_strict(schema)
        return schema


def wrong(key: str, reason: str) -> PydanticCustomError:
    """Return what a model's validator raises so that the problem stands at a key of that model."""
    return PydanticCustomError("wrong", "{reason}", {"key": key, "reason": reason})


class Log(Section):
    """Where the log goes, and how much of it."""

    level: Level = Field("info", description="The least serious level that is written.")
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="One JSON object a line, or readable; `auto` is readable on a terminal."
    )
    file: Path | None = Field(
        None, description="Appended to, opened anew on SIGUSR1; without one, standard error."
    )


class Admin(Section):
    """The port for health checks, statistics, metrics and commands.

    A daemon derives its own with its own default port.
    """

    bind: HostPort | None = Field(
        "127.0.0.1:0",
        description="Where it listens. A default that is taken moves to the next free port, a"
        " configured one that is taken is an error, and `null` turns it off.",
    )
    token: SecretStr | None = Field(
        None,
        min_length=TOKEN_LENGTH,
        description="What a caller must send as `Authorization: Bearer TOKEN`; required where"
        " others than this machine can connect. /healthz and /readyz need none.",
    )
    token_file: Path | None = Field(
        None, description="A file whose first line is the token; its end of line is left out."
    )

    @model_validator(mode="after")
    def _is_guarded(self) -> Admin:
        if self.token is not None and self.token_file is not None:
            raise wrong("token_file", "there is a `token` already")
        is_open = self.bind is not None and not Address.parse(self.bind).is_loopback
        if is_open and self.token is None and self.token_file is None:
            raise wrong("bind", "others than this machine can connect: give a token or token_file")
        return self


class Settings(Section):
    """A whole configuration; a daemon's model derives from this one."""

    is_shared: ClassVar[bool] = True  # `fields` looks for it here, and puts these last

    log: Log = Log()
    admin: Admin = Admin()
    drain_timeout: Seconds = Field(
        5.0, description="How long SIGTERM waits for what is in progress before it is cut off."
    )
