"""What every daemon of the mesh shares: configuration, life cycle, logs, admin port.

Names that a daemon's author needs, nothing else. It knows no daemon and imports nothing of the
library but its version.
"""

from __future__ import annotations

from zerorpc_daemon.command import run
from zerorpc_daemon.core import Command, Core, Refused, Replace, StartError
from zerorpc_daemon.journal import EventLog
from zerorpc_daemon.listener import listen, tcp_socket
from zerorpc_daemon.problems import ConfigError, Place, Problem, did_you_mean
from zerorpc_daemon.program import Exit, Program
from zerorpc_daemon.quantities import Address, Bytes, HostPort, Seconds, Unit
from zerorpc_daemon.rules import Fault, is_known, rule
from zerorpc_daemon.settings import Admin, Log, Section, Settings

__all__ = [
    "Admin", "Log", "Section", "Settings", "Fault", "is_known", "rule",
    "Address", "Bytes", "HostPort", "Seconds", "Unit",
    "ConfigError", "Place", "Problem", "did_you_mean",
    "Command", "Core", "Refused", "Replace", "StartError",
    "EventLog", "listen", "tcp_socket",
    "Exit", "Program", "run",
]  # fmt: skip
