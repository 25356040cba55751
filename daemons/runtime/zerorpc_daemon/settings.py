"""What a daemon's configuration is made of: frozen models, and the settings that all daemons have.

Sans-IO. A daemon's model derives from `Settings`, the parts of it from `Section`. Each field's
description, default and unit end up in docs/configuration.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from zerorpc_daemon.quantities import Address, HostPort, Seconds
from zerorpc_daemon.rules import ASKED_LATER, Fault, broken, rule

Level = Literal["debug", "info", "warning", "error"]
LEVELS = get_args(Level)

# Too long to be guessed over a network, short enough for everyone's generator.
TOKEN_LENGTH = 16
TOKEN_SHOULD = "should be printable ASCII without blanks"


def is_token(text: str) -> bool:
    """Tell whether a text can be sent as it is in a header of HTTP, by every client."""
    return all("!" <= char <= "~" for char in text)


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

    @model_validator(mode="after")
    def _holds_its_rules(self, info: ValidationInfo) -> Section:
        # For whoever makes one by itself. Of a file, all that is broken is told, not the first.
        if info.context != ASKED_LATER:
            for key, reason in broken(self):
                raise PydanticCustomError("rule", "{reason}", {"key": key, "reason": reason})
        return self


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
        description="What a caller must send as `Authorization: Bearer TOKEN`, of at least 16"
        " characters of printable ASCII without blanks; required where others than this machine"
        " can connect. /healthz and /readyz need none.",
    )
    token_file: Path | None = Field(
        None, description="A file whose first line is the token; its end of line is left out."
    )

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not is_token(token.get_secret_value()):
            raise ValueError(TOKEN_SHOULD)
        return token

    @rule
    def _has_one_token(self) -> Iterator[Fault]:
        if self.token is not None and self.token_file is not None:
            yield "token_file", "there is a `token` already"

    @rule
    def _is_guarded(self) -> Iterator[Fault]:
        is_open = self.bind is not None and not Address.parse(self.bind).is_loopback
        if is_open and self.token is None and self.token_file is None:
            yield "bind", "others than this machine can connect: give a token or token_file"


class Settings(Section):
    """A whole configuration; a daemon's model derives from this one."""

    is_shared: ClassVar[bool] = True  # `fields` looks for it here, and puts these last

    log: Log = Log()
    admin: Admin = Admin()
    drain_timeout: Seconds = Field(
        5.0, description="How long SIGTERM waits for what is in progress before it is cut off."
    )
