"""What a hub says itself: errors, answers to heartbeats, pings, and that a client is gone.

Sans-IO. Events are put together around the packed id of the call, so each peer gets its own id back
with the type it had.
"""

from __future__ import annotations

from msgpack import packb

from zerorpc.wire import error_args

_HEAD = b"\xaamessage_id\xc4\x20"
_V3 = b"\xa1v\x03"
_RESPONSE_TO = b"\xabresponse_to"
_BEAT = b"\xa7_zpc_hb\x91\x00"
_CLOSE = b"\xaa_zpc_close\x90"
_PING = b"\xad_zerorpc_ping\x90"
_ERR = b"\xa3ERR"


class Words:
    """Makes the events of one hub; `instance` is 24 bytes that no other has, for its ids."""

    def __init__(self, name: str, instance: bytes) -> None:
        if len(instance) != 24:
            raise ValueError(f"instance has {len(instance)} bytes, not 24")
        self._instance = instance
        self._hub = b"\xa3hub" + packb(name)
        self._serial = 0

    def beat(self, call_id: bytes) -> bytes:
        """Return a heartbeat on the channel of a call."""
        return self._on(call_id, b"", 0) + _BEAT

    def close(self, call_id: bytes) -> bytes:
        """Return the word that the client wants no more of a call."""
        return self._on(call_id, b"", 0) + _CLOSE

    def ping(self) -> bytes:
        """Return a call that every worker answers at once unless it is busy."""
        return b"".join((b"\x93\x82", _HEAD, self._next_id(), _V3, _PING))

    def is_own(self, call_id: bytes) -> bool:
        """Tell whether a call, of which this is the packed id, is one that this hub has made."""
        return call_id.endswith(self._instance)

    def error(
        self, call_id: bytes, version: int, name: str, message: str, numbers: dict[str, int]
    ) -> bytes:
        """Return the ERR of a call, as a client of protocol `version` reads it.

        `numbers` go into the header, for programs to read.
        """
        extra = b"".join(packb(key) + packb(value) for key, value in numbers.items())
        args = packb(error_args(version, name, message, None))
        return self._on(call_id, self._hub + extra, 1 + len(numbers)) + _ERR + args

    def _on(self, call_id: bytes, extra: bytes, keys: int) -> bytes:
        head = b"\x93" + bytes((0x83 + keys,))
        return b"".join((head, _HEAD, self._next_id(), _V3, _RESPONSE_TO, call_id, extra))

    def _next_id(self) -> bytes:
        self._serial += 1
        return b"%08x" % (self._serial & 0xFFFFFFFF) + self._instance
