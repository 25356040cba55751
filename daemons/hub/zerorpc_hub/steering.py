"""What an operator may ask of running hubs, and have them do: the commands of the admin port.

Peers are named by globs over the names that statistics and logs show, so that `10.0.0.7:*` means
all of a machine's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from operator import itemgetter
from time import monotonic
from typing import Any

from msgpack import unpackb

from zerorpc.connection import Connection
from zerorpc_daemon.core import Command, Refused
from zerorpc_daemon.journal import EventLog
from zerorpc_hub.calls import Call
from zerorpc_hub.proxy import Proxy
from zerorpc_hub.queueing import CallTraffic
from zerorpc_hub.traffic import short_name

Arguments = Mapping[str, Any]
Plain = dict[str, Any]
# More would be read by nobody, and hold up the calls themselves while it is written out.
_MOST_LISTED = 1000


class Steering:
    """Commands and views over hubs by name, as they are at the time."""

    def __init__(self, proxies: Mapping[str, Proxy], log: EventLog) -> None:
        self._proxies, self._log = proxies, log
        self.commands: Mapping[str, Command] = {
            "drain": self.drain,
            "undrain": self.undrain,
            "kick": self.kick,
        }
        self.views: Mapping[str, Command] = {"channels": self.channels, "peers": self.peers}

    # -- commands ----------------------------------------------------------------------------

    def drain(self, arguments: Arguments) -> list[Plain]:
        """Give the workers that the glob `worker` names no new calls; those they have go on."""
        return self._set_draining(arguments, is_draining=True)

    def undrain(self, arguments: Arguments) -> list[Plain]:
        """Give the workers that the glob `worker` names calls again."""
        return self._set_draining(arguments, is_draining=False)

    def _set_draining(self, arguments: Arguments, *, is_draining: bool) -> list[Plain]:
        glob = _needed(arguments, "worker")
        told = []
        for name, traffic in self._traffics(arguments):
            # A list: what one is given back may make others leave.
            for worker in [each for each in traffic.broker.workers if _fits(each.name, glob)]:
                traffic.set_draining(worker, is_draining=is_draining)
                event = "worker draining" if is_draining else "worker taken back"
                self._log.info(event, hub=name, worker=worker.name, in_flight=worker.load)
                told.append({"hub": name, "worker": worker.name, "in_flight": worker.load})
        return _some(told, f"no worker is called {glob!r}; `peers` lists them")

    def kick(self, arguments: Arguments) -> list[Plain]:
        """Hang up on the peers that the glob `peer` names; most will connect again."""
        glob = _needed(arguments, "peer")
        told = []
        for name, peer, connection in self._connections(arguments):
            if _fits(peer, glob):
                # At once, without a farewell: whom an operator kicks is not to be waited for.
                connection.close("kicked")
                self._log.info("peer kicked", hub=name, peer=peer)
                told.append({"hub": name, "peer": peer})
        return _some(told, f"no peer is called {glob!r}; `peers` lists them")

    # -- views -------------------------------------------------------------------------------

    def channels(self, arguments: Arguments) -> Plain:
        """Open calls, the oldest first; `hub`, `worker`, `client` and `method` choose by globs."""
        now = monotonic()
        found = [
            channel
            for name, traffic in self._traffics(arguments)
            for client in traffic.broker.clients
            for channel in (_channel(name, call, now) for call in client.calls.values())
            if all(
                _fits(channel[key] or "", str(arguments[key]))
                for key in ("worker", "client", "method")
                if key in arguments
            )
        ]
        return _bounded("channels", sorted(found, key=itemgetter("age_s"), reverse=True))

    def peers(self, arguments: Arguments) -> Plain:
        """Connections, those with most calls first; `hub` and `peer` choose by globs."""
        now = monotonic()
        glob = str(arguments.get("peer", "*"))
        found = [
            _peer(name, peer, connection, self._proxies[name].traffic.front_type, now)
            for name, peer, connection in self._connections(arguments)
            if _fits(peer, glob)
        ]
        return _bounded("peers", sorted(found, key=itemgetter("in_flight"), reverse=True))

    # -- whom it concerns --------------------------------------------------------------------

    def _hubs(self, arguments: Arguments) -> Iterator[tuple[str, Proxy]]:
        glob = str(arguments.get("hub", "*"))
        found = [(name, each) for name, each in self._proxies.items() if fnmatchcase(name, glob)]
        if not found:
            raise Refused(f"no hub is called {glob!r}, only {', '.join(self._proxies)}", 404)
        yield from found

    def _traffics(self, arguments: Arguments) -> Iterator[tuple[str, CallTraffic]]:
        for name, proxy in self._hubs(arguments):
            # The other types have no calls, so that nothing of theirs can be drained.
            if isinstance(proxy.traffic, CallTraffic):
                yield name, proxy.traffic

    def _connections(self, arguments: Arguments) -> Iterator[tuple[str, str, Connection]]:
        for name, proxy in self._hubs(arguments):
            for connection in proxy.connections:
                # Those that never said who they are go by themselves, within seconds.
                if connection.was_ready and connection.is_open:
                    yield name, short_name(connection), connection


def _needed(arguments: Arguments, key: str) -> str:
    value = arguments.get(key)
    if not isinstance(value, str) or not value:
        raise Refused(f"{key} should be a name or a glob")
    return value


def _fits(name: str, glob: str) -> bool:
    # An address of IPv6 in brackets is a glob of another meaning.
    return name == glob or fnmatchcase(name, glob)


def _some(told: list[Plain], otherwise: str) -> list[Plain]:
    # An error, not an empty list: whoever mistypes a name would take it for done.
    if not told:
        raise Refused(otherwise, 404)
    return told


def _bounded(key: str, found: list[Plain]) -> Plain:
    return {key: found[:_MOST_LISTED], "left_out": max(0, len(found) - _MOST_LISTED)}


def _channel(hub: str, call: Call, now: float) -> Plain:
    worker = call.worker
    return {
        "hub": hub,
        "id": _readable(call.id),
        "method": call.method.name,
        "client": call.client.name,
        "worker": None if worker is None else worker.name,
        "age_s": round(now - call.opened, 3),
        "silent_s": round(now - call.heard, 3),
        "attempts": call.attempts,
        "is_answered": call.is_answered,
    }


def _readable(packed: bytes) -> str:
    """Return the id of a call as its own end would print it, whatever bytes a client chose."""
    call_id = unpackb(packed, unicode_errors="backslashreplace")
    if isinstance(call_id, bytes):
        return call_id.decode() if call_id.isalnum() else call_id.hex()
    text = str(call_id)
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _peer(hub: str, name: str, connection: Connection, front_type: str, now: float) -> Plain:
    session = connection.session
    return {
        "hub": hub,
        "peer": name,
        "side": "in" if session.socket_type == front_type else "out",
        "socket_type": session.peer.socket_type if session.peer is not None else None,
        "in_flight": len(getattr(connection.tag, "calls", ())),
        "unsent_bytes": connection.backlog.size,
        "silent_s": round(now - connection.last_heard, 3),
        "is_full": connection.is_full,
    }
