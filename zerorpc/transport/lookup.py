"""The addresses of a host, asked of the system without holding up the loop.

The system's look-up blocks until a name server has answered, for seconds where one is ill. It runs
in a native thread, whether or not gevent has patched `socket`. gevent's own resolvers are no
choice: libzmq asks the system whenever it connects, so what the system says is what counts, and
their pool leaves a thread behind for each thread of the program that ends.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from gevent import monkey

from zerorpc.transport.threads import call_off_the_loop

Resolver = Callable[..., list[Any]]

# The one that blocks, also where gevent has patched the module.
_getaddrinfo: Resolver = monkey.get_original("socket", "getaddrinfo")
# What the system says of a name that does not exist; all else means that it could not find out.
_UNKNOWN = (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY)


def addresses(host: str, resolver: Resolver = _getaddrinfo) -> list[str] | None:
    """Return the addresses of a host, those of IPv4 first; [] if there is none of that name.

    None means that nobody could be asked, as while a name server is away. `resolver` is called as
    `socket.getaddrinfo` is.
    """
    try:
        try:
            # Addresses are settled here and now.
            found = resolver(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            found = call_off_the_loop(resolver, host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return [] if error.errno in _UNKNOWN else None
    except UnicodeError:  # a label that no name can have, too long or empty
        return []
    found.sort(key=lambda entry: bool(entry[0] != socket.AF_INET))
    return [entry[4][0] for entry in found]
