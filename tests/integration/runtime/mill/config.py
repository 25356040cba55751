"""The mill's configuration."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from zerorpc_daemon import Admin, HostPort, Section, Settings


class MillAdmin(Admin):
    """The mill's admin port."""

    # From the environment, so that a test can have a default that is taken.
    bind: HostPort | None = Field(
        os.environ.get("MILL_PORT", "127.0.0.1:0"), description="Where it listens."
    )


class Wheel(Section):
    """What drives the stones."""

    speed: int = Field(1, ge=0, description="In turns a minute; 0 stands still.")
    names: tuple[str, ...] = Field((), description="Of the stones.")


class Config(Settings):
    """A mill."""

    wheel: Wheel = Wheel()
    flour: HostPort | None = Field(None, description="Where flour is handed out.")
    gate: Path | None = Field(None, description="A file without which it does not start to grind.")
    admin: MillAdmin = MillAdmin()
