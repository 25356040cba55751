"""What a daemon tells about itself: the pages of its admin port.

It reads, and changes nothing.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Generic

from zerorpc.version import __version__
from zerorpc_daemon.admin import Answer, Page, Request
from zerorpc_daemon.core import C, Core
from zerorpc_daemon.journal import Journal
from zerorpc_daemon.lag import LoopLag
from zerorpc_daemon.metrics import Aside, Metrics
from zerorpc_daemon.phases import LifeCycle, Phase


class Insight(Generic[C]):
    """Health, readiness and statistics of a core in its process.

    `aside` runs a function where it holds up nobody: to write out a thousand rows takes a second.
    """

    def __init__(
        self,
        name: str,
        core: Core[C],
        life: LifeCycle,
        journal: Journal,
        lag: LoopLag,
        aside: Aside,
    ) -> None:
        self.reloads = Counter(ok=0, refused=0)
        self._name = name
        self._core = core
        self._life = life
        self._journal = journal
        self._lag = lag
        self._started = time.time()
        self._aside = aside
        self._metrics = Metrics(self.about, core.metrics, aside)

    def pages(self) -> dict[str, Page]:
        """Return what is answered to GET, by path."""
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/stats": self._stats,
            "/metrics": self._metrics.answer,
        }

    def ailment(self) -> str | None:
        """Return why the process should be restarted, None if it works."""
        reason: str | None = self._lag.ailment or self._core.ailment()
        return reason

    def unready(self) -> str | None:
        """Return why nothing should be sent here, None if it should."""
        if self._life.phase is not Phase.RUNNING:
            return str(self._life.phase.value)
        return self._core.unready()

    def about(self) -> dict[str, Any]:
        """Return the statistics that all daemons have."""
        now = time.time()
        return {
            "name": self._name,
            "version": __version__,
            "pid": os.getpid(),
            "started_at": round(self._started, 3),
            "uptime_s": round(now - self._started, 3),
            "phase": self._life.phase.value,
            "is_ready": self.unready() is None,
            "status": self._core.status(),
            "reloads": dict(self.reloads),
            "loop_lag_s": {
                "latest": round(self._lag.latest, 6),
                "worst": round(self._lag.worst, 6),
            },
            "log": self._journal.statistics(),
        }

    def _healthz(self, _request: Request) -> Answer:
        """Whether the process works; 503 if it should be restarted."""
        return _verdict(self.ailment())

    def _readyz(self, _request: Request) -> Answer:
        """Whether work should be sent here; 503 while it starts or drains, or lacks something."""
        return _verdict(self.unready())

    def _stats(self, _request: Request) -> Answer:
        """All counters as JSON; `daemon` holds those that every daemon has."""
        told = {"daemon": self.about(), **self._core.statistics()}
        answer: Answer = self._aside(Answer.of, told)
        return answer


def _verdict(reason: str | None) -> Answer:
    body: Mapping[str, Any] = {"status": "ok"} if reason is None else {"status": reason}
    return Answer.of(body, 200 if reason is None else 503)
