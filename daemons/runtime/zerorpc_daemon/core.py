"""What makes a daemon this daemon and not another: the part that its author writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NoReturn, TypeVar

from prometheus_client import Metric

from zerorpc_daemon.settings import Settings

C = TypeVar("C", bound=Settings)

Command = Callable[[Mapping[str, Any]], Any]
"""What a request of the admin port calls: takes its arguments, returns what becomes JSON."""


class StartError(Exception):
    """The daemon cannot start, and its user can mend it: the text is one line."""


class Refused(Exception):
    """A request cannot be fulfilled, and all stays as it was; the text says why.

    Of a command `status` is that of HTTP: 400 for wrong arguments, 404 for something that is not
    there, 409 for the wrong moment.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


class Replace(ABC):
    """Replaces this process by a new one of the same command line, with the same PID."""

    @abstractmethod
    def __call__(
        self,
        descriptors: Iterable[int] = (),
        environment: Mapping[str, str] | None = None,
        meanwhile: Callable[[], object] | None = None,
    ) -> NoReturn:
        """Hand over these descriptors and variables.

        Raises `OSError` where it cannot be done, and `Refused` if it should not, after all.

        `meanwhile` is called in a copy of this process, with everything that it has, as soon as the
        new one has begun to start, which takes a while; when it returns the copy ends.
        """


class Core(ABC, Generic[C]):
    """One daemon's own part; all methods are called in greenlets, and may wait.

    Only `start` and `close` must be there. `commands` are served as `POST /NAME`, `views` as
    `GET /NAME`; the docstring of each is its help.
    """

    commands: Mapping[str, Command] = {}
    views: Mapping[str, Command] = {}

    @abstractmethod
    def start(self) -> None:
        """Return once it serves; raises `StartError` or `OSError` for what the user can mend.

        Where it raises it leaves nothing behind; `close` is not called then.
        """

    @abstractmethod
    def close(self) -> None:
        """Cut off what is in progress, telling those concerned, and let go of everything."""

    def drain(self) -> None:
        """Take nothing new, and return once nothing is in progress; killed when time is up."""
        return

    def reload(self, config: C) -> Sequence[str]:  # noqa: ARG002 - for those that override it
        """Go on with another configuration; returns the keys that need a restart for it.

        Raises `Refused` where it cannot; then it goes on with the old one, as if nothing had been.
        """
        raise Refused("reloading is not supported")

    def upgrade(self, config: C, replace: Replace) -> None:  # noqa: ARG002
        """Hand everything over to a new process by calling `replace`; returning is an error.

        Raises `Refused` where it cannot; then it goes on.
        """
        raise Refused("replacing the process is not supported")

    def unready(self) -> str | None:
        """Return why no work should be sent here now, None if it should."""
        return None

    def ailment(self) -> str | None:
        """Return why the process should be restarted, None if it works."""
        return None

    def status(self) -> str:
        """Return how it is in a few words, for `systemctl status`."""
        return "serving"

    def statistics(self) -> Mapping[str, Any]:
        """Return what `/stats` shows beside what all daemons have there: anything JSON can hold."""
        return {}

    def metrics(self) -> Iterable[Metric]:
        """Return what `/metrics` shows beside what all daemons have there.

        Gather before returning: what the iterable does runs in a thread of its own.
        """
        return ()
