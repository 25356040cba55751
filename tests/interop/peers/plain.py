"""Values as plain JSON: bytes and maps become tagged objects, all else is itself.

`peer.js` does the same, so that a test can compare what either peer received.
"""

from __future__ import annotations

from typing import Any


def to_plain(value: Any) -> Any:
    """Make VALUE fit for JSON, with nothing lost: `{"$bytes": hex}` and `{"$map": pairs}`."""
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, dict):
        return {"$map": [[to_plain(key), to_plain(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value


def from_plain(value: Any) -> Any:
    """Undo `to_plain`; tuples come back as lists, as they do from the wire."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$bytes" in value:
        return bytes.fromhex(value["$bytes"])
    return {from_plain(key): from_plain(item) for key, item in value["$map"]}
