"""Connections of our own that speak ZMTP on gevent's watchers, without libzmq.

`link` is one connection, `outbox` the bytes that wait in it and `switchboard` what connections
share; `listener` and `dialer` make them, and `address` reads endpoints.
"""

from __future__ import annotations

from zerorpc.connection.address import Address, parse
from zerorpc.connection.dialer import Dialer
from zerorpc.connection.link import Connection, Owner
from zerorpc.connection.listener import Doorkeeper, Listener
from zerorpc.connection.switchboard import Patience, Switchboard

__all__ = ["Address", "Connection", "Dialer", "Doorkeeper", "Listener", "Owner", "Patience"]
__all__ += ["Switchboard", "parse"]
