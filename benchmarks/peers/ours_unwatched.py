"""Ours without its watchdog thread, for what that costs; no user can switch it off."""

from __future__ import annotations

from benchmarks.peers.zerorpc_api import measure, serve
from zerorpc.transport.watchdog import Watched, watchdog

__all__ = ["measure", "serve"]


def _ignore(watched: Watched) -> None:
    """Watch nothing."""


watchdog.add = _ignore  # type: ignore[method-assign]
