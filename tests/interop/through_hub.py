"""The same peers with a hub between them: servers are workers then, and nobody is told.

One process has all the hubs that a session needs, one for each server: behind a shared one, a call
might go to the server of another test.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.integration.hub.process import HubProcess
from tests.interop.pairs import Peers, attach, listen
from tests.interop.peer_process import Peer

_MOST = 120
_MOST_ONEWAY = 8  # of each type
_TYPES = {"Puller": "pipeline", "Subscriber": "pubsub"}
_HUB = "{type: %s, in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}"


class HubPeers(Peers):
    """Peers that meet at hubs."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        text = "hubs:\n" + "".join(_lines("queue", _MOST))
        text += "".join(line for each in _TYPES.values() for line in _lines(each, _MOST_ONEWAY))
        self.process = self._stack.enter_context(HubProcess(Path(folder), text))

    def serve(self, server: Peer, beat: float) -> str:
        """Let a process be the worker of an unused hub, and return where its clients connect."""
        hub = self._unused("queue")
        listen(server, beat, "connect", self.process.endpoint("out", hub))
        self.process.await_workers(1, hub)
        return self.process.endpoint("in", hub)

    def join(
        self, speaker: tuple[Peer, str], listener: tuple[Peer, str], name: str, speaker_binds: bool
    ) -> None:
        """Open a socket at both, and connect both to an unused hub."""
        hub = self._unused(_TYPES[listener[1]])
        attach(("listen", *listener), name, "connect", self.process.endpoint("out", hub))
        attach(("speak", *speaker), name, "connect", self.process.endpoint("in", hub))

    def _unused(self, kind: str) -> str:
        return f"{kind}{next(self._numbers[kind])}"


def _lines(kind: str, count: int) -> list[str]:
    return [f"  {kind}{number}: {_HUB % kind}\n" for number in range(count)]
