"""Connections of our own that speak ZMTP on gevent's watchers, without libzmq.

`link` is one connection, `outbox` the bytes that wait in it and `switchboard` what connections
share; `listener` and `dialer` make them, `address` reads endpoints, `system` knows sockets and
`terms` is what a connection is made with.
"""

from __future__ import annotations

from zerorpc.connection.address import Address, parse
from zerorpc.connection.dialer import Dialer
from zerorpc.connection.link import Connection, Owner
from zerorpc.connection.listener import Doorkeeper, Listener, endpoint_of, let_in, listen
from zerorpc.connection.switchboard import Switchboard
from zerorpc.connection.system import Socket
from zerorpc.connection.terms import Handed, Patience

__all__ = ["Address", "Connection", "Dialer", "Doorkeeper", "Handed", "Listener", "Owner"]
__all__ += ["Patience", "Socket", "Switchboard", "endpoint_of", "let_in", "listen", "parse"]
