"""The same peers with a hub between them: servers are workers then, and nobody is told.

One process has all the hubs that a session needs, one for each server: behind a shared one, a call
might go to the server of another test.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from tests.integration.hub.process import HubProcess
from tests.interop.pairs import Peers, listen
from tests.interop.peer_process import Peer

_MOST = 120
_HUB = "{in: 'tcp://127.0.0.1:*', out: 'tcp://127.0.0.1:*'}"


class HubPeers(Peers):
    """Peers that meet at hubs."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        text = "hubs:\n" + "".join(f"  h{number}: {_HUB}\n" for number in range(_MOST))
        self.process = self._stack.enter_context(HubProcess(Path(folder), text))

    def serve(self, server: Peer, beat: float) -> str:
        """Let a process be the worker of an unused hub, and return where its clients connect."""
        hub = f"h{next(self._numbers)}"
        listen(server, beat, "connect", self.process.endpoint("out", hub))
        self.process.await_workers(1, hub)
        return self.process.endpoint("in", hub)
