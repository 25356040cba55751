"""zerorpc 0.6.3 from PyPI: what everything is compared with."""

from __future__ import annotations

import sys
from importlib import metadata

from benchmarks.peers.zerorpc_api import measure, serve

__all__ = ["measure", "serve"]

# The distribution's name, not the import name: ours is called zerorpc-mesh.
try:
    metadata.version("zerorpc")
except metadata.PackageNotFoundError:
    sys.exit("the peer 'stock' runs under an interpreter that does not have zerorpc 0.6.3")
