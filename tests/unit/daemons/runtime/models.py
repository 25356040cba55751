"""The configuration of an imaginary daemon: one field of every kind that a real one may have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from zerorpc_daemon.document import parse
from zerorpc_daemon.problems import ConfigError
from zerorpc_daemon.quantities import Bytes, HostPort, Seconds
from zerorpc_daemon.rules import Fault, rule
from zerorpc_daemon.settings import Admin, Section, Settings
from zerorpc_daemon.validation import validate

FILE = "mill.yml"


class Queue(Section):
    """What waits to be ground."""

    max: int = Field(100, ge=1, description="How many sacks may wait.")
    timeout: Seconds = Field(10.0, description="How long one may wait.")


class Dial(Section):
    """Endpoints that the mill connects to by itself."""

    connect: tuple[str, ...]


class MillAdmin(Admin):
    """The mill's admin port."""

    bind: HostPort | None = Field("127.0.0.1:9499", description="Where it listens.")


class Mill(Settings):
    """A mill that grinds what comes in.

    Its configuration has a field of every kind.
    """

    in_: str | tuple[str, ...] = Field(alias="in", description="Where sacks come in.")
    out: str | Dial = Field("", description="Where | flour goes out.")
    type: Literal["wind", "water"] = "wind"
    queue: Queue = Queue()
    stones: dict[str, Queue] = Field({}, description="A queue for each stone.")
    limit: Bytes = 1 << 20
    is_fine: bool = False
    name: str = "mill"
    admin: MillAdmin = MillAdmin()

    @rule
    def _fits(self) -> Iterator[Fault]:
        if self.type == "water" and self.queue.max > 1000:
            yield "queue.max", "a water mill has room for 1000"
        if self.type == "water" and self.is_fine:
            yield "is_fine", "water is never fine"

    @rule
    def _has_a_stone(self) -> Iterator[Fault]:
        if "none" in self.stones:
            yield "stones.none", "is no stone"


def load(text: str) -> Mill:
    """Return the configuration of a file with this text."""
    return validate(parse(text, FILE), Mill)


def problems(text: str) -> list[str]:
    """Return what is wrong with a file of this text, less the file's name."""
    try:
        load(text)
    except ConfigError as error:
        return [str(each).removeprefix(f"{FILE}:") for each in error.problems]
    return []
