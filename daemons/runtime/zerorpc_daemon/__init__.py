"""What every daemon of the mesh shares: configuration, life cycle, logs, admin port.

Names that a daemon's author needs, nothing else. It knows no daemon and imports nothing of the
library but its version.
"""

from __future__ import annotations

from zerorpc_daemon.problems import ConfigError, Place, Problem, did_you_mean
from zerorpc_daemon.quantities import Address, Bytes, HostPort, Seconds, Unit
from zerorpc_daemon.settings import Admin, Log, Section, Settings, wrong

__all__ = [
    "ConfigError", "Place", "Problem", "did_you_mean",
    "Address", "Bytes", "HostPort", "Seconds", "Unit",
    "Admin", "Log", "Section", "Settings", "wrong",
]  # fmt: skip
