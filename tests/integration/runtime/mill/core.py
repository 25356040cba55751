"""What makes it a mill: jobs, a port, and what can go wrong with them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import gevent
import gevent.event
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from tests.integration.runtime.mill.config import Config
from zerorpc_daemon import Address, Core, EventLog, Refused, Replace, StartError, tcp_socket

JOBS = "MILL_JOBS"


class Mill(Core[Config]):
    """Holds jobs by name until they are finished."""

    def __init__(self, config: Config, log: EventLog) -> None:
        self._config, self._log = config, log
        self._jobs = set(filter(None, os.environ.pop(JOBS, "").split(",")))
        self._changed = gevent.event.Event()
        self._ailment: str | None = None
        self._door: socket.socket | None = None
        self.commands = {
            "begin": self.begin,
            "finish": self.finish,
            "break": self.fail,
            "shout": self.shout,
            "whisper": self.whisper,
            "ail": self.ail,
        }
        self.views = {"jobs": self.jobs}

    def start(self) -> None:
        """Open the port and the gate."""
        if self._config.flour is not None:
            try:
                self._door = tcp_socket(Address.parse(self._config.flour))
            except OSError as error:
                raise StartError(f"flour: {self._config.flour}: {error.strerror}") from None
        while self._config.gate is not None and not self._config.gate.exists():
            gevent.sleep(0.01)

    def close(self) -> None:
        """Throw away what is not finished."""
        self._log.info("closed", unfinished=sorted(self._jobs))

    def drain(self) -> None:
        """Wait for all jobs."""
        while self._jobs:
            self._changed.clear()
            self._changed.wait()

    def reload(self, config: Config) -> Sequence[str]:
        """Turn at another speed."""
        if config.wheel.speed == 13:
            raise Refused("nobody turns 13 times")
        is_moved = config.flour != self._config.flour
        self._config = config
        return ["flour"] if is_moved else []

    def upgrade(self, config: Config, replace: Replace) -> None:
        """Hand over the jobs."""
        if config.wheel.speed == 13:
            raise Refused("nobody turns 13 times")
        kept = [] if self._door is None else [self._door.fileno()]
        replace(kept, {JOBS: ",".join(self._jobs)})

    def unready(self) -> str | None:
        """Tell whether the wheel stands still."""
        return None if self._config.wheel.speed else "the wheel stands still"

    def ailment(self) -> str | None:
        """Tell what was said to it."""
        return self._ailment

    def status(self) -> str:
        """Count the jobs."""
        return f"{len(self._jobs)} jobs"

    def statistics(self) -> Mapping[str, Any]:
        """Tell all there is."""
        return {"jobs": len(self._jobs), "speed": self._config.wheel.speed, "id": b"\x00\xff"}

    def metrics(self) -> Iterable[Metric]:
        """Tell the number of jobs."""
        yield GaugeMetricFamily("mill_jobs", "Jobs begun.", value=len(self._jobs))

    def begin(self, arguments: Mapping[str, Any]) -> list[str]:
        """Begin a job called `name`."""
        if "name" not in arguments:
            raise Refused("which job?")
        self._jobs.add(str(arguments["name"]))
        return sorted(self._jobs)

    def finish(self, arguments: Mapping[str, Any]) -> list[str]:
        """Finish the job called `name`."""
        if arguments.get("name") not in self._jobs:
            raise Refused("no such job", 404)
        self._jobs.remove(str(arguments["name"]))
        self._changed.set()
        return sorted(self._jobs)

    def fail(self, arguments: Mapping[str, Any]) -> None:
        """Do what no mill does."""
        raise ZeroDivisionError(f"stones of size {len(arguments)}")

    def shout(self, arguments: Mapping[str, Any]) -> None:
        """Log the same line so many `times`."""
        for _ in range(int(arguments["times"])):
            self._log.info("shouted")

    def whisper(self, arguments: Mapping[str, Any]) -> None:
        """Log a line of `size` characters for those who look for errors, so many `times`."""
        for _ in range(int(arguments["times"])):
            self._log.debug("whispered", text="x" * int(arguments["size"]))

    def ail(self, arguments: Mapping[str, Any]) -> None:
        """Be ill from now on, for a `reason`, or well again."""
        self._ailment = arguments.get("reason")

    def jobs(self, arguments: Mapping[str, Any]) -> list[str]:
        """Jobs that begin with `prefix`."""
        return sorted(each for each in self._jobs if each.startswith(arguments.get("prefix", "")))
