"""The driver of the core on ZeroMQ and gevent: the only package that touches a socket.

Its seam to the core is narrow, so that other drivers can stand beside it: `Multiplexer` takes lists
of frames and returns what to send; see `driver`.
"""

from __future__ import annotations

from zerorpc.transport.driver import Driver
from zerorpc.transport.pump import Pump
from zerorpc.transport.workers import Worker, Workers

__all__ = ["Driver", "Pump", "Worker", "Workers"]
