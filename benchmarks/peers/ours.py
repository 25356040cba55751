"""The library of this project."""

from __future__ import annotations

import sys
from pathlib import Path

import zerorpc
from benchmarks.peers.zerorpc_api import measure, serve

__all__ = ["measure", "serve"]

if not Path(zerorpc.__file__).is_relative_to(Path(__file__).resolve().parents[2]):
    sys.exit(f"the peer 'ours' runs {zerorpc.__file__}, which is not this project")
